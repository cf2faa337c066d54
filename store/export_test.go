package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// Decide runs fn in a transaction of the tenant, as a decision on who is told is kept: insert stores
// notifications as such a decision does, exec any statement.
func Decide(ctx context.Context, s *Store, tenant crontopus.TenantID,
	fn func(insert func(...crontopus.Notification) error, exec func(query string, args ...any) error) error) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		return fn(func(list ...crontopus.Notification) error { return insertNotifications(ctx, t, list) },
			func(query string, args ...any) error {
				_, err := t.Exec(ctx, query, args...)
				return err
			})
	})
}

// TallyPlans says how SQLite goes about each query of a tally but that of the agents.
func TallyPlans(ctx context.Context, s *Store) (plans []string, err error) {
	queries := append((&Tally{}).queues(time.Now()), queueCount{query: selectKinds(everyOpen)})
	err = s.engine.read(ctx, scopeMetrics, func(t tx) error {
		for _, q := range queries {
			steps, err := collect(ctx, t, func(r row, step *string) error {
				var id, parent, unused int
				return r.Scan(&id, &parent, &unused, step)
			}, "EXPLAIN QUERY PLAN "+q.query, q.args...)
			if err != nil {
				return err
			}
			plans = append(plans, steps...)
		}
		return nil
	})
	return plans, err
}

// KnowNothing has the store ask the database of each ping, as one does that shares its database.
func KnowNothing(s *Store) { s.heart = nil }
