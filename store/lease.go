package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

// lease is how long a sync may stay silent before the source is another server's to sync:
// what a crash in the middle costs.
const lease = time.Minute

// longestLease is more than any server takes: a lease that lasts longer was written by a clock
// that was ahead, and holds nobody up.
const longestLease = 2 * lease

// SystemBeginSync takes a source and the request for its sync, so that a later one asks for
// another. Until FinishSync, DropSource or SystemAbandonSync no other owner can take it, unless
// the owner is silent for a minute: a crash loses no request. conflict means that another
// owner has it.
func (s *Store) SystemBeginSync(ctx context.Context, sourceID, owner string, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE id = $1", sourceID)
		if err != nil {
			return err
		}
		src.Status.Conditions = condition(src.Status.Conditions, crontopus.ConditionReconciling, true,
			crontopus.ReasonProgressing, "syncing", now)
		n, err := t.Exec(ctx, `
			UPDATE sources SET lease_owner = $1, lease_until = $2, next_attempt_at = $2, status = $3,
				requested_by = CASE WHEN requested_at IS NULL THEN $8 ELSE requested_by END,
				requested_trace = CASE WHEN requested_at IS NULL THEN '' ELSE requested_trace END, requested_at = NULL
			WHERE tenant_id = $4 AND id = $5 AND (lease_until <= $6 OR lease_until > $7 OR lease_owner = $1)`,
			owner, micros(now.Add(lease)), text(src.Status), src.Tenant, src.ID, micros(now), micros(now.Add(longestLease)),
			crontopus.TriggerPoll)
		return leased(src, n, err)
	})
}

// SystemRenewLease keeps a source for its owner for another minute. conflict means that it
// is somebody else's now: what the owner still does cannot be stored.
func (s *Store) SystemRenewLease(ctx context.Context, sourceID, owner string, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE id = $1", sourceID)
		if err != nil {
			return err
		}
		n, err := t.Exec(ctx, `
			UPDATE sources SET lease_until = $1, next_attempt_at = $1 WHERE tenant_id = $2 AND id = $3 AND lease_owner = $4`,
			micros(now.Add(lease)), src.Tenant, src.ID, owner)
		return leased(src, n, err)
	})
}

// SystemAbandonSync gives a source back whose sync ends without an outcome, because the
// server stops, and asks for another, for the same reason.
func (s *Store) SystemAbandonSync(ctx context.Context, sourceID, owner string, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE id = $1", sourceID)
		if err != nil {
			return err
		}
		if err := endLease(ctx, t, src, owner); err != nil || src.RequestedAt != nil {
			return err
		}
		return request(trace.With(ctx, src.RequestedTrace), t, src, src.RequestedBy, now)
	})
}

// endLease frees the source, if the owner has it.
func endLease(ctx context.Context, t tx, src crontopus.Source, owner string) error {
	n, err := t.Exec(ctx, `
		UPDATE sources SET lease_owner = '', lease_until = 0 WHERE tenant_id = $1 AND id = $2 AND lease_owner = $3`,
		src.Tenant, src.ID, owner)
	return leased(src, n, err)
}

func leased(src crontopus.Source, touched int64, err error) error {
	if err == nil && touched == 0 {
		err = crontopus.Errorf(crontopus.CodeConflict, "another server syncs the source %q", src.Name)
	}
	return err
}
