package agent

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/keyfile"
)

// Enrollment is what makes a host an agent: the server's address, the token that an
// operator handed over, and the name that the host would like, where the token leaves it a choice.
type Enrollment struct {
	Server string
	Token  string // cte_SECRET.FINGERPRINT
	Name   string
	// Version is this program's, which the server is told.
	Version string
	// Configure, if it is set, is called once the server has said yes, and before the host
	// counts as enrolled: what it writes is there when an enrolment that broke off has been repeated.
	Configure func() error
}

// Program is how agents name themselves to servers.
const Program = "crontopus-agent"

// Enroll makes this host an agent, once. Its key is made here and never leaves. An
// enrolment that broke off is repeated with the same key and gets the same answer.
func Enroll(ctx context.Context, state State, e Enrollment) (*Identity, error) {
	secret, fingerprint, err := splitToken(e.Token)
	if err != nil {
		return nil, err
	}
	server, err := client.New(e.Server, client.As(Program, e.Version))
	if err != nil {
		return nil, err
	}
	if err := state.notEnrolled(); err != nil {
		return nil, err
	}
	if err := state.Create(); err != nil {
		return nil, err
	}
	lock, err := state.Lock()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := state.notEnrolled(); err != nil { // by another process, before we had the lock
		return nil, err
	}
	key, err := keyfile.LoadOrCreate(state.KeyFile())
	if err != nil {
		return nil, err
	}
	answer, err := server.Enroll(ctx, key, wire.Enroll{Token: secret, Name: e.Name, Facts: Facts()})
	if err != nil {
		return nil, err
	}
	id := &Identity{Enrolled: answer, Server: server.Server()}
	if err := id.pin(fingerprint); err != nil {
		return nil, err
	}
	if answer.AgentID == "" || answer.Tenant == "" || answer.InstallationID == "" {
		return nil, crontopus.Errorf(crontopus.CodeInternal, "the answer of %s names no agent, tenant or installation", server.Server())
	}
	if e.Configure != nil {
		if err := e.Configure(); err != nil {
			return nil, err
		}
	}
	return id, writeJSON(state.IdentityFile(), id)
}

// splitToken reads cte_SECRET.FINGERPRINT. The fingerprint is for us, the secret for the
// server.
func splitToken(token string) (secret, fingerprint string, err error) {
	secret, fingerprint, _ = strings.Cut(strings.TrimSpace(token), ".")
	sum, err := hex.DecodeString(fingerprint)
	if err != nil || len(sum) != 32 || !strings.HasPrefix(secret, "cte_") {
		return "", "", crontopus.Errorf(crontopus.CodeInvalid, "the enrolment token is not whole; it looks like cte_SECRET.FINGERPRINT").
			WithHint("copy the whole token that `crontopus agents enroll` printed")
	}
	return secret, strings.ToLower(fingerprint), nil
}

// pin keeps of the server's answer what the token vouches for: the keys that statements
// lead to from the one whose fingerprint the token carries. What else the answer holds may come from somebody in
// between. A server that sends no statements is one of a version before there were any: then it is that
// one key, and no recovery key until a statement names it.
func (id *Identity) pin(fingerprint string) error {
	statements := id.KeyStatements
	id.KeyStatements, id.RecoveryKey = nil, wire.Key{}
	if len(statements) == 0 {
		return id.pinOnly(fingerprint)
	}
	set, err := envelope.Pin(fingerprint, statements)
	if err == nil && set.Installation != id.InstallationID {
		err = fmt.Errorf("%w: the keys are of another installation", envelope.ErrUntrusted)
	}
	if err != nil {
		return anotherServer(err)
	}
	id.KeySetVersion, id.KeySet, id.RecoveryKey = set.Version, set.Keys, set.RecoveryKey
	return nil
}

func (id *Identity) pinOnly(fingerprint string) error {
	for _, k := range id.KeySet {
		if envelope.IsKey(k) && k.ID == fingerprint {
			id.KeySet = []wire.Key{k}
			return nil
		}
	}
	return anotherServer(nil)
}

func anotherServer(cause error) error {
	err := crontopus.Errorf(crontopus.CodeForbidden, "the server's signing key is not the one that the token was made for: "+
		"this is another server, or somebody stands between").
		WithHint("check the address; if it is right, ask for a new token with `crontopus agents enroll`")
	err.Err = cause
	return err
}

// notEnrolled refuses to replace an identity, which would leave the entries of the old
// one behind.
func (s State) notEnrolled() error {
	if _, err := os.Stat(s.IdentityFile()); err != nil {
		return nil //nolint:nilerr // not there; a folder that cannot be used says so when it is
	}
	name := "an agent"
	if id, err := s.Identity(); err == nil {
		name = id.Name + " at " + id.Server
	}
	return crontopus.Errorf(crontopus.CodeConflict, "this host is already enrolled as %s (state folder %s)", name, s.Dir).
		WithHint("run `crontopus-agent uninstall --purge` first, or use another folder with --state-dir")
}
