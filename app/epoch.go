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
	keyStore
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
	if err := o.validate(); err != nil {
		return err
	}
	at := store.Options{URL: o.Database}
	if o.Database == "" {
		at.Path = filepath.Join(o.Data, databaseName)
		if !exists(at.Path) {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no database %s", at.Path).
				WithHint("name the server's data folder with --data DIR, or its PostgreSQL with --database URL")
		}
	}
	return openOnce(ctx, at, log, use)
}

// openOnce opens a database for one use. No credential is sealed or opened in it, so the box
// has a key that is nobody's: the right one may have to be put in place yet.
func openOnce(ctx context.Context, at store.Options, log *slog.Logger, use func(epochStore) error) (err error) {
	if at.Box, err = store.NewBox("none", [32]byte{}); err != nil {
		return err
	}
	at.Now, at.Log = time.Now, log
	s, err := store.Open(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return use(s)
}
