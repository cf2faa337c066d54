package store

import (
	"context"

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
