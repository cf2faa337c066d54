package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/store"
)

// Rekey makes another key for the secret box, seals every credential with it, and returns how many
// it were. No server runs on the database meanwhile. One that broke off before is finished instead: the new key
// is in a file of its own until the database holds nothing of the old one.
func Rekey(ctx context.Context, o Options, log *slog.Logger) (sealed int, err error) {
	key := filepath.Join(o.Data, keysName, boxFile)
	next := filepath.Join(o.Data, keysName, nextBoxFile)
	if err := o.validate(); err != nil {
		return 0, err
	}
	if !exists(key) || o.Database == "" && !exists(filepath.Join(o.Data, databaseName)) {
		return 0, crontopus.Errorf(crontopus.CodeNotFound, "no server has sealed credentials with %s", key).
			WithHint("name the server's data folder with --data DIR, and its PostgreSQL with --database URL")
	}
	lock, err := lockData(o.Data)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if exists(next) {
		log.WarnContext(ctx, "an earlier change of the key broke off and is finished now")
	}
	was, err := store.LoadOrCreateBox(key)
	if err != nil {
		return 0, err
	}
	box, err := store.LoadOrCreateBox(next)
	if err != nil {
		return 0, err
	}
	s, err := store.Open(ctx, o.storeOptions(keys{box: box}, log))
	if err != nil {
		return 0, err
	}
	sealed, err = s.SystemRekey(ctx, was)
	if err = errors.Join(err, s.Close()); err != nil {
		return 0, err
	}
	return sealed, atomicfile.Move(next, key)
}
