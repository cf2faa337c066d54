package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// SystemRaiseEpoch begins a new epoch and asks for every agent's bundle to be compiled in
// it, so that agents take what would otherwise look like a rollback. It is for a database
// that was restored from a backup. The epoch becomes the time in seconds, and always grows:
// a backup that is restored twice must not begin the same epoch twice, and the database
// cannot remember the first time.
func (s *Store) SystemRaiseEpoch(ctx context.Context, now time.Time) (i crontopus.Installation, err error) {
	err = s.engine.write(ctx, scopeSetup, func(t tx) error {
		if err := t.QueryRow(ctx, "SELECT id, epoch FROM installation").Scan(&i.ID, &i.Epoch); err != nil {
			return err
		}
		i.Epoch = max(i.Epoch+1, now.Unix())
		if _, err := t.Exec(ctx, "UPDATE installation SET epoch = $1", i.Epoch); err != nil {
			return err
		}
		return markAll(ctx, t)
	})
	return i, err
}

// SystemMarkAll asks for every agent's bundle to be compiled, and signed by the key of
// today.
func (s *Store) SystemMarkAll(ctx context.Context) error {
	return s.engine.write(ctx, scopePublish, func(t tx) error { return markAll(ctx, t) })
}

// markAll marks every agent of every tenant.
func markAll(ctx context.Context, t tx) error {
	if _, err := t.Exec(ctx, markWhere("agents", "revoked_at IS NULL", "''")); err != nil {
		return err
	}
	return t.Tell(ctx, Change{Kind: ChangedMarks})
}
