package store

import (
	"context"
	"log/slog"

	"crontopus.dev/crontopus/internal/failpoint"
)

// seam is an engine seen through the one place where every transaction that writes passes,
// so that tests can kill the program before and after its commit, on any engine.
type seam struct{ engine }

func (s seam) prepare(ctx context.Context, log *slog.Logger, setUp func(tx) error) error {
	return committed(s.engine.prepare(ctx, log, committing(setUp)))
}

func (s seam) write(ctx context.Context, in scope, fn func(tx) error) error {
	return committed(s.engine.write(ctx, in, committing(fn)))
}

func committing(fn func(tx) error) func(tx) error {
	return func(t tx) error {
		err := fn(t)
		if err == nil {
			failpoint.Reach("tx:before-commit", "")
		}
		return err
	}
}

func committed(err error) error {
	if err == nil {
		failpoint.Reach("tx:after-commit", "")
	}
	return err
}
