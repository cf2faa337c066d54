package store

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// SystemInstallation returns what all tenants share.
func (s *Store) SystemInstallation(ctx context.Context) (i crontopus.Installation, err error) {
	err = s.engine.read(ctx, scopeSetup, func(t tx) error {
		return t.QueryRow(ctx, "SELECT id, epoch FROM installation").Scan(&i.ID, &i.Epoch)
	})
	return i, err
}

func makeInstallation(ctx context.Context, t tx) error {
	found, err := exists(ctx, t, "SELECT id FROM installation")
	if err != nil || found {
		return err
	}
	_, err = t.Exec(ctx, "INSERT INTO installation (id, epoch) VALUES ($1, 1)", uuid.NewString())
	return err
}

// SystemCreateTenant makes a tenant, or does nothing if its id exists.
func (s *Store) SystemCreateTenant(ctx context.Context, tenant crontopus.Tenant) error {
	return s.engine.write(ctx, scopeSetup, func(t tx) error { return makeTenant(ctx, t, tenant) })
}

// lockTenant returns how far the tenant's desired state is, and lets nobody change what
// bundles are made from until this transaction ends.
func lockTenant(ctx context.Context, t tx, tenant crontopus.TenantID) (desiredSequence int64, err error) {
	err = t.QueryRow(ctx, "SELECT desired_sequence FROM tenants WHERE id = $1"+t.ForUpdate("tenants"), tenant).Scan(&desiredSequence)
	if errors.Is(err, errNoRow) {
		err = noTenant(tenant)
	}
	return desiredSequence, err
}

func noTenant(id crontopus.TenantID) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is no tenant %q", id)
}

func makeTenant(ctx context.Context, t tx, tenant crontopus.Tenant) error {
	_, err := t.Exec(ctx, `
		INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`,
		tenant.ID, tenant.Name, micros(tenant.CreatedAt))
	return err
}
