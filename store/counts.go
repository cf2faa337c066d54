package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// Counts counts what is wrong at an instant. It reads open incidents, agents and the bad runs of
// an hour, not how much there ever was.
func (s *Store) Counts(ctx context.Context, tenant crontopus.TenantID, now time.Time) (c crontopus.Counts, err error) {
	type open struct {
		kind crontopus.AlertKind
		many int
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		c = crontopus.Counts{Incidents: map[crontopus.AlertKind]int{}}
		kinds, err := collect(ctx, t, func(r row, o *open) error { return r.Scan(&o.kind, &o.many) },
			"SELECT kind, count(*) FROM incidents WHERE tenant_id = $1 AND resolved_at IS NULL GROUP BY kind", tenant)
		if err != nil {
			return err
		}
		for _, k := range kinds {
			c.Incidents[k.kind] = k.many
		}
		silent := now.Add(-crontopus.DefaultOfflineAfter.Std())
		if err := t.QueryRow(ctx, `
			SELECT count(CASE WHEN last_seen_at > $2 THEN 1 END), count(CASE WHEN last_seen_at <= $2 THEN 1 END), count(CASE WHEN last_seen_at IS NULL THEN 1 END)
			FROM agents WHERE tenant_id = $1 AND revoked_at IS NULL`, tenant, micros(silent)).
			Scan(&c.Agents.Online, &c.Agents.Offline, &c.Agents.NeverSeen); err != nil {
			return err
		}
		return t.QueryRow(ctx, "SELECT count(*) FROM runs WHERE tenant_id = $1 AND at >= $2 AND state IN ('failed', 'timedOut')",
			tenant, micros(now.Add(-time.Hour))).Scan(&c.FailedRuns)
	})
	return c, err
}
