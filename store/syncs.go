package store

import (
	"context"
	"errors"
	"strings"

	"crontopus.dev/crontopus"
)

// keptSyncs is how many syncs of a source are remembered.
const keptSyncs = 500

func scanSync(r row, s *crontopus.Sync) error { return r.Scan(document(s)) }

// FinishSync writes what a sync came to, all of it or nothing: the sync itself (but for a
// poll with nothing new), the source's status, the desired state, alerting included, if it changed, and a mark for each agent that it may
// concern. conflict means that another sync wrote the desired state since it was read, or
// that another source owns one of the names, or that the source has other limits now.
func (s *Store) FinishSync(ctx context.Context, tenant crontopus.TenantID, sourceID string, o crontopus.SyncOutcome) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE tenant_id = $1 AND id = $2", tenant, sourceID)
		if err != nil {
			return err
		}
		if err := endLease(ctx, t, src, o.Owner); err != nil {
			return err
		}
		if o.Desired != nil && o.Status.LimitsDigest != src.Limits.Digest() {
			return crontopus.Errorf(crontopus.CodeConflict, "the limits of the source %q changed meanwhile", src.Name).WithHint("sync again")
		}
		if why, broken := sealBroken(src.Status); broken && !o.Rewrite {
			if o.Desired != nil {
				return crontopus.Errorf(crontopus.CodeConflict, "the seal of the source %q was found broken meanwhile", src.Name).WithHint("sync again")
			}
			o.Status = stillBroken(o.Status, why)
		}
		o.Sync.Source = src.Name
		if err := recordSync(ctx, t, src, o); err != nil {
			return err
		}
		if o.Desired != nil {
			if err := writeDesired(ctx, t, src, o, s.now()); err != nil {
				return err
			}
			if err := markSince(ctx, t, tenant, o.AgentsSeq); err != nil {
				return err
			}
		}
		if err := mark(ctx, t, tenant, o.Mark...); err != nil {
			return err
		}
		if src.Pinned != "" && src.Pinned != o.Pinned && strings.HasPrefix(o.Pinned, src.Pinned) { // it was written short
			if _, err := t.Exec(ctx, "UPDATE sources SET pinned = $1 WHERE tenant_id = $2 AND id = $3", o.Pinned, tenant, sourceID); err != nil {
				return err
			}
		}
		if src.Approved != "" && spent(src.Approved, o) {
			if _, err := t.Exec(ctx, "UPDATE sources SET approved = '' WHERE tenant_id = $1 AND id = $2", tenant, sourceID); err != nil {
				return err
			}
		}
		if src.Suspended { // meanwhile
			o.Status = suspendedStatus(o.Status, s.now())
		}
		return saveStatus(ctx, t, src, o.Status)
	})
}

// sealBroken reports whether the publisher refuses what is stored, and why.
func sealBroken(status crontopus.SourceStatus) (why crontopus.Condition, broken bool) {
	for _, c := range status.Conditions {
		if c.Type == crontopus.ConditionStalled && c.Status && c.Reason == crontopus.ReasonSealBroken {
			return c, true
		}
	}
	return crontopus.Condition{}, false
}

// stillBroken is a status after a sync that wrote no desired state: the one that is refused is still there. If the
// sync's own trouble took the place of that, nobody would see why bundles stay, and the sync that
// mends would neither replace every row nor mark the agents whom the publisher has refused.
func stillBroken(status crontopus.SourceStatus, why crontopus.Condition) crontopus.SourceStatus {
	message := why.Message
	for _, c := range status.Conditions {
		if c.Type == crontopus.ConditionReady && c.Reason != why.Reason && !c.Status {
			message += "; the last sync came to " + c.Reason + ": " + c.Message
		}
	}
	status.Conditions = condition(status.Conditions, crontopus.ConditionReady, false, why.Reason, message, why.Since)
	status.Conditions = condition(status.Conditions, crontopus.ConditionStalled, true, why.Reason, why.Message, why.Since)
	return status
}

// spent reports whether an approval has done its work, or is for a plan that no longer is
// the one to decide on.
func spent(approved string, o crontopus.SyncOutcome) bool {
	return o.Desired != nil || (o.Status.HeldPlan != "" && o.Status.HeldPlan != approved)
}

// recordSync keeps the sync, unless it is a poll that came to what the sync before it did:
// those would drive out the ones that tell something.
func recordSync(ctx context.Context, t tx, src crontopus.Source, o crontopus.SyncOutcome) error {
	if o.Sync.Trigger == crontopus.TriggerPoll && o.Desired == nil {
		var last crontopus.Sync
		err := scanSync(t.QueryRow(ctx, `
			SELECT body FROM syncs WHERE tenant_id = $1 AND source_id = $2
			ORDER BY started_at DESC, id DESC LIMIT 1`, src.Tenant, src.ID), &last)
		if err != nil && !errors.Is(err, errNoRow) {
			return err
		}
		if err == nil && last.Revision == o.Sync.Revision && last.Reason == o.Sync.Reason && last.Message == o.Sync.Message {
			return nil
		}
	}
	return insertSync(ctx, t, src, o.Sync)
}

func insertSync(ctx context.Context, t tx, src crontopus.Source, sync crontopus.Sync) error {
	if sync.ID == "" {
		return nil // a poll that found nothing new
	}
	_, err := t.Exec(ctx, `
		INSERT INTO syncs (tenant_id, id, source_id, started_at, body) VALUES ($1, $2, $3, $4, $5)`,
		src.Tenant, sync.ID, src.ID, micros(sync.Started), text(sync))
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, `
		DELETE FROM syncs WHERE tenant_id = $1 AND source_id = $2 AND started_at < (
			SELECT started_at FROM syncs WHERE tenant_id = $1 AND source_id = $2
			ORDER BY started_at DESC LIMIT 1 OFFSET $3)`,
		src.Tenant, src.ID, keptSyncs-1)
	return err
}

// Syncs lists a source's syncs, the newest first.
func (s *Store) Syncs(ctx context.Context, tenant crontopus.TenantID, sourceName string, p crontopus.Page) (list []crontopus.Sync, next string, err error) {
	from, err := parseCursor(p, afterAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		src, err := sourceByName(ctx, t, tenant, sourceName)
		if err != nil {
			return err
		}
		list, err = collect(ctx, t, scanSync, `
			SELECT body FROM syncs
			WHERE tenant_id = $1 AND source_id = $2 AND (started_at, id) < ($3, $4)
			ORDER BY started_at DESC, id DESC LIMIT $5`, tenant, src.ID, from.At, from.Text, limit(p))
		return err
	})
	list, next = cut(list, p, func(s *crontopus.Sync) cursor { return cursor{At: micros(s.Started), Text: s.ID} })
	return list, next, err
}

// Sync returns one sync.
func (s *Store) Sync(ctx context.Context, tenant crontopus.TenantID, id string) (sync crontopus.Sync, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		return scanSync(t.QueryRow(ctx, "SELECT body FROM syncs WHERE tenant_id = $1 AND id = $2", tenant, id), &sync)
	})
	if errors.Is(err, errNoRow) {
		err = crontopus.Errorf(crontopus.CodeNotFound, "there is no sync %q", id)
	}
	return sync, err
}
