package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/keyfile"
)

// KeySet returns the newest key set of a data folder.
func KeySet(o Options) (crontopus.KeySet, error) {
	r, err := openKeyring(o)
	if err == nil && len(r.statements) == 0 {
		err = noKeySet(o)
	}
	if err != nil {
		return crontopus.KeySet{}, err
	}
	return r.set, nil
}

func noKeySet(o Options) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is no key set in %s yet", o.Data).
		WithHint("name the server's data folder with --data DIR; the first start of a server makes one")
}

// RotateKey makes a new signing key, introduced by the old one, which still verifies until
// DropKey but never signs again. The server is stopped meanwhile.
func RotateKey(ctx context.Context, o Options, now time.Time, log *slog.Logger) (crontopus.KeySet, error) {
	return changeKeys(ctx, o, log, func(r *keyring, s epochStore) error {
		if len(r.statements) == 0 {
			return noKeySet(o)
		}
		if _, err := r.agree(ctx, s, nil); err != nil { // two changes from one key set would be two truths
			return err
		}
		old, err := keyfile.Load(r.signing)
		if err != nil {
			return err
		}
		if !r.trusts(publicHalf(old)) {
			return untrustedKey(r.signing)
		}
		if !r.signs(publicHalf(old)) {
			return rotatedKey(r.signing)
		}
		if len(r.set.Keys) == envelope.MaxKeys {
			return crontopus.Errorf(crontopus.CodeConflict, "the key set holds %d keys, and more are not allowed", envelope.MaxKeys).
				WithHint("drop an old one first: crontopus keys drop ID")
		}
		return r.introduce(func(next ed25519.PrivateKey) error {
			set := r.following(now)
			set.Keys = append([]crontopus.Key{publicHalf(next)}, set.Keys...)
			return r.add(set, old, next)
		})
	})
}

// DropKey ends the trust in a key that no longer signs. The id may be shortened.
func DropKey(ctx context.Context, o Options, id string, now time.Time, log *slog.Logger) (crontopus.KeySet, error) {
	return changeKeys(ctx, o, log, func(r *keyring, s epochStore) error {
		if _, err := r.agree(ctx, s, nil); err != nil {
			return err
		}
		signing, err := keyfile.Load(r.signing)
		if err != nil {
			return err
		}
		set := r.following(now)
		set.Keys = slices.DeleteFunc(set.Keys, func(k crontopus.Key) bool { return id != "" && strings.HasPrefix(k.ID, id) })
		switch gone := len(r.set.Keys) - len(set.Keys); {
		case gone == 0:
			return crontopus.Errorf(crontopus.CodeNotFound, "no key in the set begins with %q", id).WithHint("crontopus keys list shows them")
		case gone > 1:
			return crontopus.Errorf(crontopus.CodeInvalid, "%q begins more than one key", id).WithHint("write more of it")
		case !slices.ContainsFunc(set.Keys, func(k crontopus.Key) bool { return k.ID == publicHalf(signing).ID }):
			return crontopus.Errorf(crontopus.CodeConflict, "%s is the key that signs", id).WithHint("rotate first: crontopus keys rotate")
		}
		return r.add(set, signing)
	})
}

// RecoverKeys replaces the whole key set by a new signing key, on the word of the offline
// recovery key in a file: for a signing key that was lost or stolen.
func RecoverKeys(ctx context.Context, o Options, recoveryFile string, now time.Time, log *slog.Logger) (crontopus.KeySet, error) {
	recovery, err := keyfile.Load(recoveryFile)
	if err != nil {
		return crontopus.KeySet{}, err
	}
	return changeKeys(ctx, o, log, func(r *keyring, s epochStore) error {
		set := r.following(now)
		if len(r.statements) == 0 { // the folder of the keys is lost, too
			set.RecoveryKey = publicHalf(recovery)
			i, err := s.SystemInstallation(ctx)
			if err != nil {
				return err
			}
			set.Installation = i.ID
		}
		if set.RecoveryKey.ID != publicHalf(recovery).ID {
			return crontopus.Errorf(crontopus.CodeForbidden, "%s is not the recovery key that agents know", recoveryFile).
				WithHint("its fingerprint is %s", set.RecoveryKey.ID)
		}
		set.Version = crontopus.KeySetVersion{Recovery: max(set.Version.Recovery+1, now.Unix()), Sequence: 1}
		if err := keepRecoveryKey(r.dir, recovery.Public().(ed25519.PublicKey)); err != nil {
			return err
		}
		return r.introduce(func(next ed25519.PrivateKey) error {
			set.Keys = []crontopus.Key{publicHalf(next)}
			return r.add(set, recovery, next)
		})
	})
}

// following is the set that comes after the newest, as yet with the same keys.
func (r *keyring) following(now time.Time) crontopus.KeySet {
	set := r.set
	set.Version.Sequence++
	set.Issued, set.Keys = now.UTC(), slices.Clone(set.Keys)
	return set
}

// changeKeys changes the keys of a data folder that no server uses, and has every bundle
// signed afresh when one starts. A change that broke off before is finished instead.
func changeKeys(ctx context.Context, o Options, log *slog.Logger, change func(*keyring, epochStore) error) (_ crontopus.KeySet, err error) {
	if !exists(o.Data) {
		return crontopus.KeySet{}, noKeySet(o)
	}
	lock, err := lockData(o.Data)
	if err != nil {
		return crontopus.KeySet{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := os.MkdirAll(filepath.Join(o.Data, keysName), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return crontopus.KeySet{}, dataError(o.Data, err)
	}
	r, err := openKeyring(o)
	if err != nil {
		return crontopus.KeySet{}, err
	}
	err = withStore(ctx, o, log, func(s epochStore) error {
		if err := r.change(ctx, s, log, change); err != nil {
			return err
		}
		return s.SystemMarkAll(ctx)
	})
	return r.set, err
}

// change makes a change, or finishes one that broke off before, and lets all servers know.
func (r *keyring) change(ctx context.Context, s epochStore, log *slog.Logger, change func(*keyring, epochStore) error) error {
	finished, err := r.finish()
	if err != nil {
		return err
	}
	if finished {
		log.WarnContext(ctx, "an earlier change of the keys broke off and is finished now; this is its outcome")
	} else if err := change(r, s); err != nil {
		return err
	}
	_, err = r.agree(ctx, s, nil)
	return err
}
