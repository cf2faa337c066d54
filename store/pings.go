package store

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// errNoPingURL says nothing of what there is: an address is a secret.
var errNoPingURL = &crontopus.Error{Code: crontopus.CodeNotFound, Message: "there is no such ping URL or key"}

// EnsurePingURL returns the id of the job's ping URL, and makes it where there is none. not_found
// for a job that the tenant never had.
func (s *Store) EnsurePingURL(ctx context.Context, tenant crontopus.TenantID, job crontopus.JobName) (id string, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if err := s.jobWasThere(ctx, t, tenant, job); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, `
			INSERT INTO ping_urls (tenant_id, namespace, name, id, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			tenant, job.Namespace, job.Name, uuid.NewString(), micros(s.now())); err != nil {
			return err
		}
		id, err = pingURL(ctx, t, tenant, job)
		return err
	})
	return id, err
}

// PingURL returns the id of the job's ping URL, "" if it has none.
func (s *Store) PingURL(ctx context.Context, tenant crontopus.TenantID, job crontopus.JobName) (id string, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		id, err = pingURL(ctx, t, tenant, job)
		return err
	})
	return id, err
}

func pingURL(ctx context.Context, t tx, tenant crontopus.TenantID, job crontopus.JobName) (id string, err error) {
	err = t.QueryRow(ctx, `SELECT id FROM ping_urls WHERE tenant_id = $1 AND namespace = $2 AND name = $3`,
		tenant, job.Namespace, job.Name).Scan(&id)
	if errors.Is(err, errNoRow) {
		return "", nil
	}
	return id, err
}

// RotatePingURL gives the job another ping URL, or its first, and returns its id. The old one is
// good for nothing from now on. not_found for a job that the tenant never had.
func (s *Store) RotatePingURL(ctx context.Context, tenant crontopus.TenantID, actor string, job crontopus.JobName) (id string, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if err := s.jobWasThere(ctx, t, tenant, job); err != nil {
			return err
		}
		id = uuid.NewString()
		if _, err := t.Exec(ctx, `
			INSERT INTO ping_urls (tenant_id, namespace, name, id, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant_id, namespace, name) DO UPDATE SET id = excluded.id, created_at = excluded.created_at`,
			tenant, job.Namespace, job.Name, id, micros(s.now())); err != nil {
			return err
		}
		s.heart.forget()
		return s.audit(ctx, t, tenant, actor, "job.rotate-ping", job.String(), "")
	})
	return id, err
}

func (s *Store) jobWasThere(ctx context.Context, t tx, tenant crontopus.TenantID, job crontopus.JobName) error {
	ok, err := exists(ctx, t, `SELECT 1 FROM job_names WHERE tenant_id = $1 AND namespace = $2 AND name = $3`,
		tenant, job.Namespace, job.Name)
	if err == nil && !ok {
		err = noJob(job)
	}
	return err
}

// SystemPingURL tells whose ping URL has the id: not_found if none has.
func (s *Store) SystemPingURL(ctx context.Context, id string) (tenant crontopus.TenantID, job crontopus.JobName, err error) {
	err = s.engine.read(ctx, scopeCredentials, func(t tx) error {
		return t.QueryRow(ctx, `SELECT tenant_id, namespace, name FROM ping_urls WHERE id = $1`, id).
			Scan(&tenant, &job.Namespace, &job.Name)
	})
	if errors.Is(err, errNoRow) {
		err = errNoPingURL
	}
	return tenant, job, err
}

const pingKeyColumns = "tenant_id, id, namespace, created_at, revoked_at"

func scanPingKey(r row, k *crontopus.PingKey) error {
	return r.Scan(&k.Tenant, &k.ID, &k.Namespace, instant(&k.CreatedAt), maybe(&k.RevokedAt))
}

// CreatePingKey stores a ping key by its secret's hash.
func (s *Store) CreatePingKey(ctx context.Context, tenant crontopus.TenantID, actor string, k crontopus.PingKey, hash [32]byte) error {
	if !crontopus.ValidName(k.Namespace) {
		return crontopus.Errorf(crontopus.CodeInvalid, "%.100q is not a namespace", k.Namespace).
			WithHint("a ping key belongs to the namespace of the jobs that it checks in for, such as production")
	}
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if _, err := t.Exec(ctx, `
			INSERT INTO ping_keys (tenant_id, id, namespace, hash, created_at) VALUES ($1, $2, $3, $4, $5)`,
			tenant, k.ID, k.Namespace, hash[:], micros(k.CreatedAt)); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "ping-key.create", k.ID, text(k))
	})
}

// PingKeys lists the ping keys by id, the revoked ones too.
func (s *Store) PingKeys(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.PingKey, next string, err error) {
	from, err := parseCursor(p, beforeAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanPingKey, "SELECT "+pingKeyColumns+` FROM ping_keys
			WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, from.Text, limit(p))
		return err
	})
	list, next = cut(list, p, func(k *crontopus.PingKey) cursor { return cursor{Text: k.ID} })
	return list, next, err
}

// RevokePingKey ends a ping key at once. Revoking twice changes nothing.
func (s *Store) RevokePingKey(ctx context.Context, tenant crontopus.TenantID, actor, id string) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		n, err := t.Exec(ctx, `
			UPDATE ping_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE tenant_id = $2 AND id = $3`,
			micros(s.now()), tenant, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no ping key %q", id)
		}
		s.heart.forget()
		return s.audit(ctx, t, tenant, actor, "ping-key.revoke", id, "")
	})
}

// SystemPingKey returns the ping key with the hash: not_found if there is none or it is revoked.
func (s *Store) SystemPingKey(ctx context.Context, hash [32]byte) (k crontopus.PingKey, err error) {
	err = s.engine.read(ctx, scopeCredentials, func(t tx) error {
		return scanPingKey(t.QueryRow(ctx, "SELECT "+pingKeyColumns+` FROM ping_keys
			WHERE hash = $1 AND revoked_at IS NULL`, hash[:]), &k)
	})
	if errors.Is(err, errNoRow) {
		err = errNoPingURL
	}
	return k, err
}
