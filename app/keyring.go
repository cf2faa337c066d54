package app

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/keyfile"
)

// Files beside the signing key.
const (
	statementsFile = "keyset.json" // in keys/: every statement of a key set, oldest first; public
	nextSuffix     = ".next"       // of a signing key that is introduced but not yet in its place
)

// keyring is the signing key of an installation and the statements by which agents come
// to trust it.
type keyring struct {
	dir          string // keys/
	signing      string // file of the signing key
	statements   [][]byte
	fingerprints []string         // of every key that they name
	set          crontopus.KeySet // the newest one, zero before the first
}

// openKeyring reads the statements. The file is the installation's own, so they are not
// verified here; agents do.
func openKeyring(o Options) (*keyring, error) {
	r := &keyring{dir: filepath.Join(o.Data, keysName), signing: o.SigningKey}
	if r.signing == "" {
		r.signing = filepath.Join(r.dir, signingFile)
	}
	file := filepath.Join(r.dir, statementsFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, dataError(o.Data, err)
	}
	statements, _, err := parseStatements(data)
	if err != nil || len(statements) == 0 {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%s does not hold the statements of a key set", file).
			WithHint("restore it from a backup of the keys, or replace all keys with crontopus keys recover")
	}
	for _, raw := range statements {
		set, err := envelope.ReadKeySet(raw)
		if err != nil {
			return nil, err
		}
		r.append(set, raw)
	}
	return r, nil
}

// begin writes the first statement of an installation that has none, and refuses a
// signing key that is not today's. A server without the role syncer has none.
func (r *keyring) begin(signing ed25519.PrivateKey, recovery ed25519.PublicKey, installation string, now time.Time) error {
	if signing == nil {
		return nil
	}
	key := publicHalf(signing)
	switch {
	case len(r.statements) == 0:
		return r.add(crontopus.KeySet{
			Installation: installation, Version: crontopus.KeySetVersion{Sequence: 1}, Issued: now.UTC(),
			Keys: []crontopus.Key{key}, RecoveryKey: envelope.PublicKey(recovery),
		}, signing)
	case !r.trusts(key):
		return untrustedKey(r.signing)
	case !r.signs(key) && !exists(r.signing+nextSuffix): // else a rotation of this very key broke off
		return rotatedKey(r.signing)
	}
	return nil
}

// belongs refuses the keys of another installation.
func (r *keyring) belongs(installation string) error {
	if len(r.statements) > 0 && r.set.Installation != installation {
		return crontopus.Errorf(crontopus.CodeConflict, "the keys in %s are of another installation than the database", r.dir).
			WithHint("put the keys in place that belong to the database")
	}
	return nil
}

// signs reports whether a key is the one that signs today: the first of the newest set.
func (r *keyring) signs(key crontopus.Key) bool {
	return len(r.set.Keys) > 0 && r.set.Keys[0].ID == key.ID
}

func rotatedKey(file string) *crontopus.Error {
	return crontopus.Errorf(crontopus.CodeConflict, "the signing key %s was replaced by another one, at another server", file).
		WithHint("copy signing.pem from the server whose key was rotated, and start this one again")
}

// publicKeys are those of the newest set: what each of them sealed is still good.
func (r *keyring) publicKeys() []ed25519.PublicKey {
	keys := make([]ed25519.PublicKey, len(r.set.Keys))
	for i, k := range r.set.Keys {
		keys[i] = k.Public
	}
	return keys
}

func untrustedKey(file string) error {
	return crontopus.Errorf(crontopus.CodeConflict, "no agent would accept what the key %s signs: it is not in the newest key set", file).
		WithHint("restore the signing key from a backup, or replace all keys with crontopus keys recover")
}

// trusts reports whether a key is in the newest set.
func (r *keyring) trusts(key crontopus.Key) bool {
	return slices.ContainsFunc(r.set.Keys, func(k crontopus.Key) bool { return k.ID == key.ID })
}

// add appends the statement of a set, signed by each of the keys.
func (r *keyring) add(set crontopus.KeySet, keys ...ed25519.PrivateKey) error {
	raw, err := envelope.SignKeySet(set, keys...)
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "cannot sign the key set: %w", err)
	}
	next := *r
	next.statements, next.fingerprints = slices.Clone(r.statements), slices.Clone(r.fingerprints)
	next.append(set, raw)
	if err := atomicfile.Write(filepath.Join(r.dir, statementsFile), next.text(), 0o600); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot write the key set: %w", err)
	}
	*r = next
	return nil
}

func (r *keyring) append(set crontopus.KeySet, statement []byte) {
	r.statements, r.set = append(r.statements, statement), set
	for _, k := range set.Keys {
		if !slices.Contains(r.fingerprints, k.ID) {
			r.fingerprints = append(r.fingerprints, k.ID)
		}
	}
}

// introduce makes a new signing key, lets state say so, and puts it into its place. It may
// break off anywhere: the old key signs until the new one is in place, and finish goes on.
func (r *keyring) introduce(state func(next ed25519.PrivateKey) error) error {
	if err := os.Remove(r.signing + nextSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot make a key: %w", err)
	}
	next, err := keyfile.LoadOrCreate(r.signing + nextSuffix)
	if err != nil {
		return err
	}
	if err := state(next); err != nil {
		return err
	}
	return r.promote()
}

// finish puts a key into its place that was introduced by a change that broke off, and
// reports whether there was one.
func (r *keyring) finish() (bool, error) {
	next, err := keyfile.Load(r.signing + nextSuffix)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (len(r.set.Keys) == 0 || r.set.Keys[0].ID != publicHalf(next).ID) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.promote()
}

func (r *keyring) promote() error {
	if err := atomicfile.Move(r.signing+nextSuffix, r.signing); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot put the new signing key in its place: %w", err).
			WithHint("run the command again; it goes on where it stopped")
	}
	return nil
}

// publicHalf is the public key as agents pin it.
func publicHalf(key ed25519.PrivateKey) crontopus.Key {
	return envelope.PublicKey(key.Public().(ed25519.PublicKey))
}
