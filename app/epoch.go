package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// epochStore is the store as commands use it that work beside or without a server.
type epochStore interface {
	SystemInstallation(ctx context.Context) (crontopus.Installation, error)
	SystemRaiseEpoch(ctx context.Context, now time.Time) (crontopus.Installation, error)
	SystemMarkAll(ctx context.Context) error
}

// RaiseEpoch begins a new epoch of an installation whose database was restored by other
// means than RestoreBackup. Servers may be running: the publisher compiles every bundle anew.
func RaiseEpoch(ctx context.Context, o Options, now time.Time, log *slog.Logger) (epoch int64, err error) {
	err = withStore(ctx, o, log, func(s epochStore) error {
		i, err := s.SystemRaiseEpoch(ctx, now)
		epoch = i.Epoch
		return err
	})
	return epoch, err
}

// withStore opens a database that is there already for one use.
func withStore(ctx context.Context, o Options, log *slog.Logger, use func(epochStore) error) error {
	path := filepath.Join(o.Data, databaseName)
	if !exists(path) {
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no database %s", path).WithHint("name the server's data folder with --data DIR")
	}
	return withSQLite(ctx, path, log, use)
}

// withSQLite opens a SQLite file for one use. No credential is sealed or opened in it, so the box
// has a key that is nobody's: the right one may have to be put in place yet.
func withSQLite(ctx context.Context, path string, log *slog.Logger, use func(epochStore) error) (err error) {
	box, err := store.NewBox("none", [32]byte{})
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Options{Path: path, Box: box, Now: time.Now, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return use(s)
}
