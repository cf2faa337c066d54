package api

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

type enrollStore interface {
	CreateEnrollmentToken(ctx context.Context, tenant crontopus.TenantID, actor string, tok crontopus.EnrollmentToken, hash [32]byte) error
	SystemEnroll(ctx context.Context, hash [32]byte, a crontopus.Agent, now time.Time) (crontopus.Agent, error)
}

// enroll makes enrolment tokens and lets hosts redeem them.
type enroll struct {
	store         enrollStore
	now           func() time.Time
	installation  crontopus.Installation
	keys          *atomic.Pointer[Keys]
	publicURL     string
	failures      *failureLimit
	wakePublisher func()
}

// Bounds of an enrolment token, and how far off a host's clock may be when it enrolls.
const (
	defaultTokenLife = crontopus.Duration(time.Hour)
	maxTokenLife     = crontopus.Duration(366 * 24 * time.Hour)
	maxTokenUses     = 1_000_000
	enrollLeeway     = 10 * time.Minute
)

func newEnroll(o Options, keys *atomic.Pointer[Keys]) enroll {
	return enroll{o.Store, o.Now, o.Installation, keys, o.PublicURL, newFailureLimit(), o.WakePublisher}
}

func (s enroll) register(r *router) {
	add(r, operator, created(operation(http.MethodPost, "/api/v1/enrollment-tokens", "create-enrollment-token", tagAgents, "Make an enrolment token",
		"Hosts that redeem it become agents with its labels. It is in this answer and nowhere else, with the fingerprint of the key that signs bundles.")), s.create)
	op := operation(http.MethodPost, "/api/v1/agent/enroll", "enroll", tagAgentProtocol, "Redeem an enrolment token",
		"The raw body is signed with the key that it names; the signature, base64, is in "+wire.HeaderSignature+". "+
			"Asking again with the same key gets the same answer and costs no use.")
	op.Middlewares = append(op.Middlewares, s.failures.guard)
	add(r, public, op, s.redeem)
}

func (s enroll) create(ctx context.Context, in *struct{ Body wire.TokenInput }) (*body[wire.TokenMade], error) {
	c := callerOf(ctx)
	tok, err := s.newToken(in.Body)
	if err != nil {
		return nil, err
	}
	secret := token.New(token.Enrollment)
	if err := s.store.CreateEnrollmentToken(ctx, c.tenant, c.actor(), tok, token.Hash(secret)); err != nil {
		return nil, err
	}
	printed := secret + "." + s.keys.Load().Set.Keys[0].ID
	return answer(wire.TokenMade{Token: tok, Printed: printed, Commands: []string{
		"crontopus-agent enroll --server " + s.publicURL + " --token " + printed,
		"crontopus-agent run",
	}}), nil
}

// newToken checks what was asked for and fills in the rest.
func (s enroll) newToken(in wire.TokenInput) (crontopus.EnrollmentToken, error) {
	now := s.now().UTC()
	tok := crontopus.EnrollmentToken{
		ID: uuid.Must(uuid.NewV7()).String(), Labels: orEmptyMap(in.Labels), Name: in.Name, NamePattern: in.NamePattern,
		MatchFacts: in.MatchFacts, Uses: in.Uses, CreatedAt: now,
	}
	setDefaultValue(&tok.Uses, 1)
	setDefaultValue(&in.Expires, defaultTokenLife)
	tok.ExpiresAt = now.Add(in.Expires.Std())
	if err := checkPairs("label", tok.Labels); err != nil {
		return tok, err
	}
	for key := range tok.Labels {
		if strings.HasPrefix(key, crontopus.FactPrefix) {
			return tok, invalid("the label %s is kept for what hosts say of themselves", key).WithHint("choose a name that does not begin with %s", crontopus.FactPrefix)
		}
	}
	// What a name, a pattern and a number of uses may be is the store's to say, once.
	if err := checkText("the name pattern", tok.NamePattern, 128); err != nil {
		return tok, err
	}
	switch {
	case tok.Name != "" && tok.NamePattern != "":
		return tok, invalid("a token has a name or a name pattern, not both")
	case tok.Uses > maxTokenUses:
		return tok, invalid("a token has at most %d uses", maxTokenUses)
	case in.Expires > maxTokenLife:
		return tok, invalid("a token is good for at most %s", maxTokenLife)
	}
	return tok, nil
}

type enrollIn struct {
	Signature string `header:"Crontopus-Signature" doc:"base64 of the ed25519 signature over the raw body"`
	RawBody   []byte
	Body      wire.Enroll
}

func (s enroll) redeem(ctx context.Context, in *enrollIn) (*body[wire.Enrolled], error) {
	if err := s.check(in); err != nil {
		s.failures.count(ctx)
		return nil, err
	}
	secret, _, _ := strings.Cut(in.Body.Token, ".")
	enrolled, err := s.store.SystemEnroll(ctx, token.Hash(secret), crontopus.Agent{
		ID: uuid.Must(uuid.NewV7()).String(), Name: in.Body.Name, Labels: map[string]string{}, Facts: in.Body.Facts,
		PublicKey: in.Body.PublicKey, EnrolledAt: s.now().UTC(),
	}, s.now())
	if err != nil {
		s.failures.count(ctx)
		if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			return nil, unauthorized("the enrolment token is not known").WithHint("make one with `crontopus agents enroll`")
		}
		return nil, err
	}
	s.wakePublisher()
	keys := s.keys.Load()
	return answer(wire.Enrolled{
		AgentID: enrolled.ID, Tenant: enrolled.Tenant, Name: enrolled.Name, InstallationID: s.installation.ID,
		KeySet: orEmpty(keys.Set.Keys), RecoveryKey: keys.Set.RecoveryKey, KeyStatements: orEmpty(keys.Statements),
	}), nil
}

// check refuses a request that proves nothing: not from the holder of its key, not of
// now, or with a token that is none.
func (s enroll) check(in *enrollIn) error {
	signature, err := base64.StdEncoding.DecodeString(in.Signature)
	if err != nil || len(in.Body.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(in.Body.PublicKey, in.RawBody, signature) {
		return unauthorized("the request is not signed with the key that it names").WithHint("sign the raw body with ed25519 and send the signature, base64, as %s", wire.HeaderSignature)
	}
	if off := s.now().Sub(in.Body.At).Abs(); off > enrollLeeway {
		return errClockSkew
	}
	secret, fingerprint, pinned := strings.Cut(in.Body.Token, ".")
	if !token.Check(secret, token.Enrollment) {
		return unauthorized("the enrolment token is not complete").WithHint("copy it again: it begins with cte_ and ends with the server's fingerprint")
	}
	if pinned && !slices.Contains(s.keys.Load().Fingerprints, fingerprint) {
		return unauthorized("the enrolment token is of a server with another signing key").WithHint("check the server's address, or make a new token")
	}
	if in.Body.Name != "" && !crontopus.ValidName(in.Body.Name) {
		return invalid("%q cannot name an agent", in.Body.Name).WithHint("use up to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit")
	}
	return checkPairs("fact", in.Body.Facts)
}

func setDefaultValue[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}
