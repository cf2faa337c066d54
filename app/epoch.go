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

// RaiseEpoch begins a new epoch of an installation whose database was restored by other
// means than RestoreBackup. Servers may be running: the publisher compiles every bundle anew.
func RaiseEpoch(ctx context.Context, o Options, now time.Time, log *slog.Logger) (epoch int64, err error) {
	path := filepath.Join(o.Data, databaseName)
	if !exists(path) {
		return 0, crontopus.Errorf(crontopus.CodeNotFound, "there is no database %s", path).WithHint("name the server's data folder with --data DIR")
	}
	return raiseEpoch(ctx, path, now, log)
}

// raiseEpoch begins a new epoch in a SQLite file. No credential is sealed or opened for it, so the
// box has a key that is nobody's: the right one may have to be put in place yet.
func raiseEpoch(ctx context.Context, path string, now time.Time, log *slog.Logger) (epoch int64, err error) {
	box, err := store.NewBox("none", [32]byte{})
	if err != nil {
		return 0, err
	}
	s, err := store.Open(ctx, store.Options{Path: path, Box: box, Now: time.Now, Log: log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	i, err := s.SystemRaiseEpoch(ctx, now)
	return i.Epoch, err
}
