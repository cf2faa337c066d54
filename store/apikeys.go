package store

import (
	"context"
	"errors"

	"crontopus.dev/crontopus"
)

const apiKeyColumns = "tenant_id, id, name, role, created_at, revoked_at"

func scanAPIKey(r row, k *crontopus.APIKey) error {
	return r.Scan(&k.Tenant, &k.ID, &k.Name, &k.Role, instant(&k.CreatedAt), maybe(&k.RevokedAt))
}

// CreateAPIKey stores a key by its secret's hash.
func (s *Store) CreateAPIKey(ctx context.Context, tenant crontopus.TenantID, actor string, k crontopus.APIKey, hash [32]byte) error {
	if !k.Role.Valid() {
		return crontopus.Errorf(crontopus.CodeInvalid, "there is no role %q", k.Role).
			WithHint("write %s, %s or %s", crontopus.RoleViewer, crontopus.RoleOperator, crontopus.RoleAdmin)
	}
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		_, err := t.Exec(ctx, `
			INSERT INTO api_keys (tenant_id, id, name, role, hash, created_at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			tenant, k.ID, k.Name, k.Role, hash[:], micros(k.CreatedAt))
		if err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "api-key.create", k.ID, text(k))
	})
}

// APIKeys lists keys by id, the revoked ones too.
func (s *Store) APIKeys(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.APIKey, next string, err error) {
	from, err := parseCursor(p, beforeAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanAPIKey, "SELECT "+apiKeyColumns+` FROM api_keys
			WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, from.Text, limit(p))
		return err
	})
	list, next = cut(list, p, func(k *crontopus.APIKey) cursor { return cursor{Text: k.ID} })
	return list, next, err
}

// RevokeAPIKey ends a key at once. Revoking twice changes nothing.
func (s *Store) RevokeAPIKey(ctx context.Context, tenant crontopus.TenantID, actor, id string) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		n, err := t.Exec(ctx, `
			UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE tenant_id = $2 AND id = $3`,
			micros(s.now()), tenant, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no API key %q", id)
		}
		return s.audit(ctx, t, tenant, actor, "api-key.revoke", id, "")
	})
}

// SystemAPIKey returns the key with the hash: not_found if there is none or it is revoked.
func (s *Store) SystemAPIKey(ctx context.Context, hash [32]byte) (k crontopus.APIKey, err error) {
	err = s.engine.read(ctx, scopeCredentials, func(t tx) error {
		return scanAPIKey(t.QueryRow(ctx, "SELECT "+apiKeyColumns+` FROM api_keys
			WHERE hash = $1 AND revoked_at IS NULL`, hash[:]), &k)
	})
	if errors.Is(err, errNoRow) {
		err = crontopus.Errorf(crontopus.CodeNotFound, "the API key is unknown or revoked")
	}
	return k, err
}
