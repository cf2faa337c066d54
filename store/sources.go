package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"crontopus.dev/crontopus"
)

const selectSources = `
	SELECT tenant_id, id, name, url, branch, path, suspended, interval_us, created_at, removed_at,
		approved, limits, pinned, requested_at, requested_by, requested_trace, status
	FROM sources `

func scanSource(r row, s *crontopus.Source) error {
	var interval int64
	err := r.Scan(&s.Tenant, &s.ID, &s.Name, &s.URL, &s.Branch, &s.Path, flag(&s.Suspended), &interval,
		instant(&s.CreatedAt), maybe(&s.RemovedAt), &s.Approved, document(&s.Limits), &s.Pinned, maybe(&s.RequestedAt), &s.RequestedBy, &s.RequestedTrace, document(&s.Status))
	s.Interval = crontopus.Duration(time.Duration(interval) * time.Microsecond)
	if s.Status.Conditions == nil {
		s.Status.Conditions = []crontopus.Condition{}
	}
	return err
}

func noSource(nameOrID string) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is no source %q", nameOrID)
}

// getSource reads the one source that the condition finds; what names it in an error.
func getSource(ctx context.Context, t tx, what, where string, args ...any) (src crontopus.Source, err error) {
	err = scanSource(t.QueryRow(ctx, selectSources+where, args...), &src)
	if errors.Is(err, errNoRow) {
		err = noSource(what)
	}
	return src, err
}

func sourceByName(ctx context.Context, t tx, tenant crontopus.TenantID, name string) (crontopus.Source, error) {
	return getSource(ctx, t, name, "WHERE tenant_id = $1 AND name = $2", tenant, name)
}

// lockSource is getSource for a transaction that will change the source.
func lockSource(ctx context.Context, t tx, what, where string, args ...any) (crontopus.Source, error) {
	return getSource(ctx, t, what, where+t.ForUpdate("sources"), args...)
}

// CreateSource stores a source, due at once, and seals its secrets.
func (s *Store) CreateSource(ctx context.Context, tenant crontopus.TenantID, actor string, src crontopus.Source, secrets crontopus.SourceSecrets) error {
	if !crontopus.ValidName(src.Name) {
		return crontopus.Errorf(crontopus.CodeInvalid, "%q cannot name a source", src.Name).
			WithHint("use up to 63 of a-z, 0-9 and '-', with a letter or digit at both ends")
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if err := s.holdsBox(ctx, t); err != nil {
			return err
		}
		_, err := t.Exec(ctx, `
			INSERT INTO sources (tenant_id, id, name, url, branch, path, suspended, interval_us, created_at,
				approved, limits, requested_at, requested_by, status, secrets)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $13, $9, $10, $11, $12)`,
			tenant, src.ID, src.Name, src.URL, src.Branch, src.Path, bit(src.Suspended), src.Interval.Std().Microseconds(),
			micros(src.CreatedAt), crontopus.TriggerManual, text(src.Status), s.box.Seal(sourceAAD(tenant, src.ID), plain), text(src.Limits))
		if crontopus.ErrorCode(err) == crontopus.CodeConflict {
			return crontopus.Errorf(crontopus.CodeConflict, "there is a source %q already", src.Name).
				WithHint("choose another name; one that was removed is free once its jobs are off the hosts")
		}
		if err != nil {
			return err
		}
		if err := watchSource(ctx, t, tenant, src.ID, s.now()); err != nil {
			return err
		}
		if err := t.Tell(ctx, Change{Kind: ChangedSources}); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "source.create", src.Name, text(src))
	})
}

// sourceAAD binds a source's sealed secrets to its row.
func sourceAAD(tenant crontopus.TenantID, id string) []byte {
	return []byte(string(tenant) + "\x00sources\x00" + id)
}

// Source returns a source by name.
func (s *Store) Source(ctx context.Context, tenant crontopus.TenantID, name string) (src crontopus.Source, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		src, err = sourceByName(ctx, t, tenant, name)
		return err
	})
	return src, err
}

// Sources lists sources by name, those under removal too.
func (s *Store) Sources(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.Source, next string, err error) {
	from, err := parseCursor(p, beforeAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanSource, selectSources+`
			WHERE tenant_id = $1 AND name > $2 ORDER BY name LIMIT $3`, tenant, from.Text, limit(p))
		return err
	})
	list, next = cut(list, p, func(s *crontopus.Source) cursor { return cursor{Text: s.Name} })
	return list, next, err
}

// SystemSource returns a source by its global id.
func (s *Store) SystemSource(ctx context.Context, id string) (src crontopus.Source, err error) {
	err = s.engine.read(ctx, scopeDue, func(t tx) error {
		src, err = getSource(ctx, t, id, "WHERE id = $1", id)
		return err
	})
	return src, err
}

// SourceSecrets opens a source's credentials.
func (s *Store) SourceSecrets(ctx context.Context, tenant crontopus.TenantID, id string) (secrets crontopus.SourceSecrets, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		secrets, err = s.openSourceSecrets(ctx, t, tenant, id)
		return err
	})
	return secrets, err
}

func (s *Store) openSourceSecrets(ctx context.Context, t tx, tenant crontopus.TenantID, id string) (secrets crontopus.SourceSecrets, err error) {
	var blob []byte
	err = t.QueryRow(ctx, "SELECT secrets FROM sources WHERE tenant_id = $1 AND id = $2", tenant, id).Scan(&blob)
	if errors.Is(err, errNoRow) {
		err = noSource(id)
	}
	if err != nil {
		return secrets, err
	}
	plain, err := s.box.Open(sourceAAD(tenant, id), blob)
	if err != nil {
		return secrets, err
	}
	return secrets, json.Unmarshal(plain, &secrets)
}
