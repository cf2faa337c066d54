package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/keyfile"
	"crontopus.dev/crontopus/internal/token"
	"crontopus.dev/crontopus/store"
)

// keys are the secrets that a server reads at its start.
type keys struct {
	signing  ed25519.PrivateKey
	recovery ed25519.PublicKey
	offline  string // the private half's file, where it was made just now: it belongs offline
	box      *store.Box
}

// loadKeys reads the keys of the data folder and makes what is missing: the key that
// signs bundles, the recovery key, which belongs offline, and the secret box's. Without the
// role syncer a server needs only the last.
func loadKeys(o Options) (k keys, err error) {
	dir := filepath.Join(o.Data, keysName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return k, dataError(o.Data, err)
	}
	atomicfile.Sweep(dir)
	if exists(filepath.Join(dir, nextBoxFile)) {
		return k, crontopus.Errorf(crontopus.CodeConflict, "a change of the key that seals credentials broke off in %s", dir).
			WithHint("finish it: crontopus keys rekey, with the flags --data and --database of this server")
	}
	if o.has(RoleSyncer) {
		if k.signing, err = signingKey(o, dir); err != nil {
			return k, err
		}
		first := !exists(filepath.Join(dir, recoveryPublic))
		if k.recovery, err = recoveryKey(dir); err != nil {
			return k, err
		}
		if first {
			k.offline = filepath.Join(dir, recoveryFile)
		}
	}
	k.box, err = store.LoadOrCreateBox(filepath.Join(dir, boxFile))
	return k, err
}

// requireKeys refuses to make keys for an installation that has some: agents would refuse what
// they sign. A restored database has come without them; on a shared one another server has made them.
func (o *Options) requireKeys(ctx context.Context) error {
	dir := filepath.Join(o.Data, keysName)
	needed := []string{boxFile}
	switch {
	case !o.has(RoleSyncer):
		needed = append(needed, statementsFile)
	case o.SigningKey == "":
		needed = append(needed, recoveryPublic, signingFile)
	default:
		needed = append(needed, recoveryPublic)
	}
	gone := missingKeys(o.Data, needed...)
	if len(gone) == 0 {
		return nil
	}
	missing := filepath.Join(dir, gone[0])
	held, err := o.holdsInstallation(ctx)
	switch {
	case err != nil:
		return err
	case !held && o.has(RoleSyncer):
		return nil
	case !held:
		return crontopus.Errorf(crontopus.CodeNotFound, "no server has used this database yet, and %s is missing", missing).
			WithHint("start a server with the role syncer first, which makes the keys, and copy %s from its keys/ to %s", strings.Join(needed, " and "), dir)
	}
	if o.has(RoleSyncer) { // which starts without, but what is kept has it
		needed = append(needed, statementsFile)
	}
	return crontopus.Errorf(crontopus.CodeConflict, "the database belongs to an installation whose keys are not here: %s is missing", missing).
		WithHint("copy %s from keys/ of a server that runs on this database, or from where its keys are kept, to %s; agents trust no other keys. "+
			"If no copy is left, %s", strings.Join(needed, ", "), dir, o.withoutCopies(gone))
}

// holdsInstallation reports whether a server has prepared the database before.
func (o *Options) holdsInstallation(ctx context.Context) (bool, error) {
	if o.Database == "" {
		return exists(filepath.Join(o.Data, databaseName)), nil
	}
	return store.HoldsInstallation(ctx, o.Database)
}

// missingKeys are those of the files that are not in the keys/ of a data folder.
func missingKeys(data string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return exists(filepath.Join(data, keysName, name)) })
}

// withoutCopies says what to do where these files of keys/ are lost everywhere. What brings the
// others back makes no key of the secret box.
func (o *Options) withoutCopies(gone []string) string {
	var steps []string
	if !slices.Equal(gone, []string{boxFile}) {
		steps = append(steps, "while all servers are stopped, replace the keys that agents trust: crontopus keys recover --recovery-key FILE, with the flags --data and --database of this server")
	}
	if slices.Contains(gone, boxFile) {
		steps = append(steps, o.newBox())
	}
	return strings.Join(steps, "; then ")
}

// newBox is how an installation goes on whose credentials nobody can open any more. Servers that
// share a database remember there which key they agree on.
func (o *Options) newBox() string {
	count := ""
	if o.Database != "" {
		count = ", let it count: UPDATE installation SET box_key = ''"
	}
	return "while all servers are stopped, make another key of the secret box: (umask 077; openssl rand -hex 32 > " + filepath.Join(o.Data, keysName, boxFile) +
		")" + count + ", and once it runs enter each credential anew: " +
		"crontopus sources credentials NAME, crontopus secrets set NAME"
}

// signingKey makes a key only for an installation that never had one: agents would not
// trust another.
func signingKey(o Options, dir string) (ed25519.PrivateKey, error) {
	if o.SigningKey != "" {
		return keyfile.Load(o.SigningKey)
	}
	file := filepath.Join(dir, signingFile)
	if exists(filepath.Join(dir, statementsFile)) && !exists(file) {
		return nil, crontopus.Errorf(crontopus.CodeNotFound, "the signing key %s is gone", file).
			WithHint("restore it from a backup, or replace all keys with crontopus keys recover")
	}
	return keyfile.LoadOrCreate(file)
}

// recoveryKey returns the public half, which is kept in a file of its own so that the
// private half can be moved offline.
func recoveryKey(dir string) (ed25519.PublicKey, error) {
	public := filepath.Join(dir, recoveryPublic)
	text, err := os.ReadFile(public)
	if os.IsNotExist(err) {
		key, err := keyfile.LoadOrCreate(filepath.Join(dir, recoveryFile))
		if err != nil {
			return nil, err
		}
		half := key.Public().(ed25519.PublicKey)
		return half, keepRecoveryKey(dir, half)
	}
	if err != nil {
		return nil, dataError(dir, err)
	}
	half, err := hex.DecodeString(string(text[:max(0, len(text)-1)]))
	if err != nil || len(half) != ed25519.PublicKeySize {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%s is not a public key of 64 hex digits", public).
			WithHint("restore it from a backup, or write the public half of recovery.pem into it")
	}
	return half, nil
}

// keepRecoveryKey writes the public half down.
func keepRecoveryKey(dir string, public ed25519.PublicKey) error {
	if err := atomicfile.Write(filepath.Join(dir, recoveryPublic), []byte(hex.EncodeToString(public)+"\n"), 0o644); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot write the recovery key: %w", err)
	}
	return nil
}

// ensureAdminKey makes the first API key of a new installation and writes it to a file
// that only the server's user can read. It returns the file's path, "" if keys exist.
func ensureAdminKey(ctx context.Context, s *store.Store, data string, now time.Time) (string, error) {
	existing, _, err := s.APIKeys(ctx, crontopus.DefaultTenant, crontopus.Page{Limit: 1})
	if err != nil || len(existing) > 0 {
		return "", err
	}
	secret := token.New(token.APIKey)
	path := filepath.Join(data, "admin.key")
	// The file comes first: a key in the database that nobody holds would lock everybody out.
	if err := atomicfile.Write(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", dataError(data, err)
	}
	key := crontopus.APIKey{ID: rand.Text(), Tenant: crontopus.DefaultTenant, Name: "admin", Role: crontopus.RoleAdmin, CreatedAt: now}
	return path, s.CreateAPIKey(ctx, crontopus.DefaultTenant, "server", key, token.Hash(secret))
}
