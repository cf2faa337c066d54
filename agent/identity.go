package agent

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/envelope"
)

// Identity is what an enrolment left: who this host is, and whom it trusts. KeySet holds
// the pinned keys; nothing but a statement signed by one of them may change it.
type Identity struct {
	wire.Enrolled
	Server        string                  `json:"server"`
	KeySetVersion crontopus.KeySetVersion `json:"keySetVersion,omitzero"` // of KeySet; zero if no statement has vouched for it
	Retired       []wire.Key              `json:"retired,omitempty"`      // see Follow
}

// Identity reads who this host is.
func (s State) Identity() (*Identity, error) {
	var id Identity
	err := readJSON(s.IdentityFile(), &id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, crontopus.Errorf(crontopus.CodeNotFound, "this host is not enrolled: there is no %s", s.IdentityFile()).
			WithHint("ask for a token with `crontopus agents enroll`, then run the command that it prints")
	}
	if err == nil {
		err = s.trusted()
	}
	if err != nil {
		return nil, err
	}
	if len(id.Keys()) == 0 || id.AgentID == "" || id.Server == "" {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%s is damaged: it names no agent or no key to trust", s.IdentityFile()).
			WithHint("restore it from a backup, or enroll again after `crontopus-agent uninstall --purge`")
	}
	return &id, nil
}

// Keys returns the pinned keys by their id. One whose id is not its fingerprint is left out.
func (id *Identity) Keys() map[string]ed25519.PublicKey { return envelope.Keys(id.KeySet...) }

// storedKeys are the ones that the stored bundle may be signed by.
func (id *Identity) storedKeys() map[string]ed25519.PublicKey {
	return envelope.Keys(slices.Concat(id.KeySet, id.Retired)...)
}

// Facts is what this host says of itself.
func Facts() map[string]string {
	facts := map[string]string{"os": runtime.GOOS, "arch": runtime.GOARCH}
	if hostname, err := os.Hostname(); err == nil {
		facts["hostname"] = hostname
	}
	return facts
}
