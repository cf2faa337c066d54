package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

const (
	longestBackoff = 30 * time.Minute // no source that failed waits longer
	mostDue        = 100              // sources that are told of at once: far more than are synced at once
)

// whereDue selects the sources that are due at $1. What lies further ahead than anybody plans was
// written by a clock that was ahead, and is due now: nobody waits until the years have passed.
var whereDue = fmt.Sprintf(`
			WHERE (lease_until <= $1 OR lease_until > $1 + %d)
				AND (removed_at IS NOT NULL
					OR (suspended = 0 AND (requested_at IS NOT NULL OR next_attempt_at <= $1
						OR next_attempt_at > $1 + 2 * interval_us + %d)))`, longestLease.Microseconds(), longestBackoff.Microseconds())

// SystemDueSources returns the sources that a syncer should look at: those that somebody
// asked for, whose time has come, or that are being removed. A suspended one waits. Who waits
// longest comes first; one that is asked for again and again has its turn and then waits behind all others.
func (s *Store) SystemDueSources(ctx context.Context, now time.Time) (list []crontopus.Source, err error) {
	err = s.engine.read(ctx, scopeDue, func(t tx) error {
		list, err = collect(ctx, t, scanSource, selectSources+whereDue+`
			ORDER BY CASE WHEN COALESCE(requested_at, next_attempt_at, removed_at) > $1 THEN 0
				ELSE COALESCE(requested_at, next_attempt_at, removed_at) END, id
			LIMIT $2`, micros(now), mostDue)
		return err
	})
	return list, err
}

// SystemRequestSync asks for a sync, and says why. A thousand requests are one.
func (s *Store) SystemRequestSync(ctx context.Context, sourceID, trigger string, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE id = $1", sourceID)
		if err != nil || src.RequestedAt != nil {
			return err
		}
		return request(ctx, t, src, trigger, now)
	})
}

func request(ctx context.Context, t tx, src crontopus.Source, trigger string, now time.Time) error {
	_, err := t.Exec(ctx, "UPDATE sources SET requested_at = $1, requested_by = $2, requested_trace = $3 WHERE tenant_id = $4 AND id = $5",
		micros(now), trigger, trace.Of(ctx), src.Tenant, src.ID)
	if err != nil {
		return err
	}
	return t.Tell(ctx, Change{Kind: ChangedSources})
}

// saveStatus writes a source's status and when it is due by itself.
func saveStatus(ctx context.Context, t tx, src crontopus.Source, status crontopus.SourceStatus) error {
	_, err := t.Exec(ctx, "UPDATE sources SET status = $1, next_attempt_at = $2 WHERE tenant_id = $3 AND id = $4",
		text(status), optional(status.NextAttemptAt), src.Tenant, src.ID)
	if err != nil {
		return err
	}
	return wakeSource(ctx, t, src, status)
}

// StallSource says of a source that a person must act, without a sync: the publisher refused
// its desired state. The source is due again when it would have been.
func (s *Store) StallSource(ctx context.Context, tenant crontopus.TenantID, sourceID, reason, message string, now time.Time) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE tenant_id = $1 AND id = $2", tenant, sourceID)
		if err != nil {
			return err
		}
		list := condition(src.Status.Conditions, crontopus.ConditionReady, false, reason, message, now)
		src.Status.Conditions = condition(list, crontopus.ConditionStalled, true, reason, message, now)
		_, err = t.Exec(ctx, "UPDATE sources SET status = $1 WHERE tenant_id = $2 AND id = $3", text(src.Status), tenant, sourceID)
		if err != nil {
			return err
		}
		return wakeSource(ctx, t, src, src.Status)
	})
}

// suspendedStatus is a status with what a suspended source says of itself.
func suspendedStatus(status crontopus.SourceStatus, now time.Time) crontopus.SourceStatus {
	status.NextAttemptAt = nil
	status.Conditions = condition(status.Conditions, crontopus.ConditionReconciling, false, crontopus.ReasonSuspended, "", now)
	status.Conditions = condition(status.Conditions, crontopus.ConditionReady, false, crontopus.ReasonSuspended,
		"suspended by a person; the jobs of the last good revision stay in force", now)
	return status
}

// condition returns the list with one condition set. Since moves only when its status or
// reason does.
func condition(list []crontopus.Condition, kind string, status bool, reason, message string, now time.Time) []crontopus.Condition {
	list = slices.Clone(list)
	c := crontopus.Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: now.UTC()}
	i := slices.IndexFunc(list, func(c crontopus.Condition) bool { return c.Type == kind })
	if i < 0 {
		return append(list, c)
	}
	if list[i].Status == status && list[i].Reason == reason {
		c.Since = list[i].Since
	}
	list[i] = c
	return list
}
