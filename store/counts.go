package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// Counts counts what is wrong at an instant. It reads open incidents, agents and the bad runs of
// an hour, not how much there ever was.
func (s *Store) Counts(ctx context.Context, tenant crontopus.TenantID, now time.Time) (c crontopus.Counts, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		if c.Incidents, err = openIncidents(ctx, t, "tenant_id = $1 AND resolved_at IS NULL", tenant); err != nil {
			return err
		}
		if c.Agents, err = agentCounts(ctx, t, now, "tenant_id = $2 AND revoked_at IS NULL", tenant); err != nil {
			return err
		}
		return t.QueryRow(ctx, "SELECT count(*) FROM runs WHERE tenant_id = $1 AND at >= $2 AND state IN ('failed', 'timedOut')",
			tenant, micros(now.Add(-time.Hour))).Scan(&c.FailedRuns)
	})
	return c, err
}

// everyOpen are the open incidents of all tenants.
const everyOpen = "resolved_at IS NULL"

// openIncidents counts incidents by kind.
func openIncidents(ctx context.Context, t tx, where string, args ...any) (map[crontopus.AlertKind]int, error) {
	type open struct {
		kind crontopus.AlertKind
		many int
	}
	kinds, err := collect(ctx, t, func(r row, o *open) error { return r.Scan(&o.kind, &o.many) },
		selectKinds(where), args...)
	counts := map[crontopus.AlertKind]int{}
	for _, k := range kinds {
		counts[k.kind] = k.many
	}
	return counts, err
}

func selectKinds(where string) string {
	return "SELECT kind, count(*) FROM incidents WHERE " + where + " GROUP BY kind"
}

// agentCounts counts agents by state. The first argument of where is $2.
func agentCounts(ctx context.Context, t tx, now time.Time, where string, args ...any) (c crontopus.AgentCounts, err error) {
	silent := micros(now.Add(-crontopus.DefaultOfflineAfter.Std()))
	err = t.QueryRow(ctx, `
		SELECT count(CASE WHEN last_seen_at > $1 THEN 1 END), count(CASE WHEN last_seen_at <= $1 THEN 1 END), count(CASE WHEN last_seen_at IS NULL THEN 1 END)
		FROM agents WHERE `+where, append([]any{silent}, args...)...).Scan(&c.Online, &c.Offline, &c.NeverSeen)
	return c, err
}
