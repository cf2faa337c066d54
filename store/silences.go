package store

import (
	"context"
	"errors"
	"time"

	"crontopus.dev/crontopus"
)

func scanSilence(r row, s *crontopus.Silence) error { return r.Scan(document(s)) }

// CreateSilence stores a silence. Open incidents are seen to again: it may be about them.
func (s *Store) CreateSilence(ctx context.Context, tenant crontopus.TenantID, actor string, silence crontopus.Silence) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		_, err := t.Exec(ctx, "INSERT INTO silences (tenant_id, id, until_at, created_at, body) VALUES ($1, $2, $3, $4, $5)",
			tenant, silence.ID, micros(silence.Until), micros(silence.CreatedAt), text(silence))
		if err != nil {
			return err
		}
		if err := routeOpen(ctx, t, tenant, silence.CreatedAt); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "silence.create", silence.ID, text(silence.Match)+" "+silence.Reason)
	})
}

// Silences lists silences, the newest first.
func (s *Store) Silences(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.Silence, next string, err error) {
	from, err := parseCursor(p, afterAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanSilence, `
			SELECT body FROM silences WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)
			ORDER BY created_at DESC, id DESC LIMIT $4`, tenant, from.At, from.Text, limit(p))
		return err
	})
	list, next = cut(list, p, func(s *crontopus.Silence) cursor { return cursor{At: micros(s.CreatedAt), Text: s.ID} })
	return list, next, err
}

// SilencesInForce lists the silences that hold at an instant, those that end first first.
func (s *Store) SilencesInForce(ctx context.Context, tenant crontopus.TenantID, now time.Time) (list []crontopus.Silence, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = silencesInForce(ctx, t, tenant, now)
		return err
	})
	return list, err
}

func silencesInForce(ctx context.Context, t tx, tenant crontopus.TenantID, now time.Time) ([]crontopus.Silence, error) {
	return collect(ctx, t, scanSilence, `
		SELECT body FROM silences WHERE tenant_id = $1 AND until_at > $2 AND ended_at IS NULL ORDER BY until_at, id`, tenant, micros(now))
}

// EndSilence ends a silence before its time. One that has ended stays as it is: conflict.
func (s *Store) EndSilence(ctx context.Context, tenant crontopus.TenantID, actor, id string, now time.Time) (silence crontopus.Silence, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		silence = crontopus.Silence{}
		err := scanSilence(t.QueryRow(ctx, "SELECT body FROM silences WHERE tenant_id = $1 AND id = $2"+t.ForUpdate("silences"), tenant, id), &silence)
		switch {
		case errors.Is(err, errNoRow):
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no silence %q", id).
				WithHint("`crontopus silences list` shows those that there are")
		case err != nil:
			return err
		case !silence.InForce(now):
			return crontopus.Errorf(crontopus.CodeConflict, "the silence %s has ended already", id)
		}
		silence.EndedAt = &now
		if _, err := t.Exec(ctx, "UPDATE silences SET ended_at = $1, body = $2 WHERE tenant_id = $3 AND id = $4", micros(now), text(silence), tenant, id); err != nil {
			return err
		}
		if err := routeOpen(ctx, t, tenant, now); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "silence.end", id, "")
	})
	return silence, err
}

// routeOpen has it decided again who is told of the tenant's open incidents.
func routeOpen(ctx context.Context, t tx, tenant crontopus.TenantID, now time.Time) error {
	_, err := t.Exec(ctx, "UPDATE incidents SET route_at = $1 WHERE tenant_id = $2 AND resolved_at IS NULL", micros(now), tenant)
	return err
}
