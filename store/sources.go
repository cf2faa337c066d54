package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// lease is how long a sync that began may stay silent before the source is due again:
// what a crash in the middle costs.
const lease = time.Minute

const selectSources = `
	SELECT tenant_id, id, name, url, branch, path, suspended, interval_us, created_at, removed_at,
		approved, requested_at, status
	FROM sources `

func scanSource(r row, s *crontopus.Source) error {
	var interval int64
	err := r.Scan(&s.Tenant, &s.ID, &s.Name, &s.URL, &s.Branch, &s.Path, flag(&s.Suspended), &interval,
		instant(&s.CreatedAt), maybe(&s.RemovedAt), &s.Approved, maybe(&s.RequestedAt), document(&s.Status))
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
		_, err := t.Exec(ctx, `
			INSERT INTO sources (tenant_id, id, name, url, branch, path, suspended, interval_us, created_at,
				approved, requested_at, status, secrets)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $9, $10, $11)`,
			tenant, src.ID, src.Name, src.URL, src.Branch, src.Path, bit(src.Suspended), src.Interval.Std().Microseconds(),
			micros(src.CreatedAt), text(src.Status), s.box.Seal(sourceAAD(tenant, src.ID), plain))
		if crontopus.ErrorCode(err) == crontopus.CodeConflict {
			return crontopus.Errorf(crontopus.CodeConflict, "there is a source %q already", src.Name).
				WithHint("choose another name; one that was removed is free once its jobs are off the hosts")
		}
		if err != nil {
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
	var blob []byte
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		return t.QueryRow(ctx, "SELECT secrets FROM sources WHERE tenant_id = $1 AND id = $2", tenant, id).Scan(&blob)
	})
	if errors.Is(err, errNoRow) {
		return secrets, noSource(id)
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

// RequestSync asks for a sync on a person's behalf.
func (s *Store) RequestSync(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.sync", name, func(t tx, src crontopus.Source) (string, error) {
		if src.Suspended {
			return "", crontopus.Errorf(crontopus.CodeConflict, "the source %q is suspended", name).
				WithHint("resume it first: crontopus sources resume %s", name)
		}
		return "", request(ctx, t, src, now)
	})
}

// SystemRequestSync asks for a sync on a webhook's behalf. A thousand of them are one
// request.
func (s *Store) SystemRequestSync(ctx context.Context, sourceID string, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		src, err := getSource(ctx, t, sourceID, "WHERE id = $1", sourceID)
		if err != nil || src.RequestedAt != nil {
			return err
		}
		return request(ctx, t, src, now)
	})
}

func request(ctx context.Context, t tx, src crontopus.Source, now time.Time) error {
	_, err := t.Exec(ctx, "UPDATE sources SET requested_at = $1 WHERE tenant_id = $2 AND id = $3", micros(now), src.Tenant, src.ID)
	return err
}

// SuspendSource stops a source's syncs, or lets them go on. Its jobs stay either way.
func (s *Store) SuspendSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, suspended bool) error {
	action := "source.resume"
	if suspended {
		action = "source.suspend"
	}
	return s.changeSource(ctx, tenant, actor, action, name, func(t tx, src crontopus.Source) (string, error) {
		_, err := t.Exec(ctx, "UPDATE sources SET suspended = $1 WHERE tenant_id = $2 AND id = $3", bit(suspended), tenant, src.ID)
		if err != nil {
			return "", err
		}
		if suspended {
			return "", saveStatus(ctx, t, src, suspendedStatus(src.Status, s.now()))
		}
		return "", request(ctx, t, src, s.now())
	})
}

// suspendedStatus is a status with what a suspended source says of itself.
func suspendedStatus(status crontopus.SourceStatus, now time.Time) crontopus.SourceStatus {
	status.NextAttemptAt = nil
	status.Conditions = condition(status.Conditions, crontopus.ConditionReconciling, false, crontopus.ReasonSuspended, "", now)
	status.Conditions = condition(status.Conditions, crontopus.ConditionReady, false, crontopus.ReasonSuspended,
		"suspended by a person; the jobs of the last good revision stay in force", now)
	return status
}

// ApprovePlan lets the plan through that holds a source up, if it is still this one.
func (s *Store) ApprovePlan(ctx context.Context, tenant crontopus.TenantID, actor, name, plan string) error {
	return s.changeSource(ctx, tenant, actor, "source.approve", name, func(t tx, src crontopus.Source) (string, error) {
		if plan == "" || plan != src.Status.HeldPlan {
			return "", crontopus.Errorf(crontopus.CodeConflict, "the source %q is not held on the plan %q", name, plan).
				WithHint("look at what would go now: crontopus sources get %s", name)
		}
		_, err := t.Exec(ctx, "UPDATE sources SET approved = $1 WHERE tenant_id = $2 AND id = $3", plan, tenant, src.ID)
		if err != nil {
			return "", err
		}
		return plan, request(ctx, t, src, s.now())
	})
}

// RemoveSource asks the syncer to take the source's jobs off the hosts and then to drop it.
func (s *Store) RemoveSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.remove", name, func(t tx, src crontopus.Source) (string, error) {
		_, err := t.Exec(ctx, "UPDATE sources SET removed_at = $1 WHERE tenant_id = $2 AND id = $3", micros(now), tenant, src.ID)
		if err != nil {
			return "", err
		}
		return "", request(ctx, t, src, now)
	})
}

// changeSource makes a person's change to a source that is not under removal, and its
// audit row. change returns the row's detail.
func (s *Store) changeSource(ctx context.Context, tenant crontopus.TenantID, actor, action, name string,
	change func(tx, crontopus.Source) (string, error)) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		src, err := sourceByName(ctx, t, tenant, name)
		if err != nil {
			return err
		}
		if src.RemovedAt != nil {
			return crontopus.Errorf(crontopus.CodeConflict, "the source %q is being removed", name)
		}
		detail, err := change(t, src)
		if err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, action, name, detail)
	})
}

// SystemDueSources returns the sources that a syncer should look at: those that somebody
// asked for, whose time has come, or that are being removed. A suspended one waits.
func (s *Store) SystemDueSources(ctx context.Context, now time.Time) (list []crontopus.Source, err error) {
	err = s.engine.read(ctx, scopeDue, func(t tx) error {
		list, err = collect(ctx, t, scanSource, selectSources+`
			WHERE removed_at IS NOT NULL
				OR (suspended = 0 AND (requested_at IS NOT NULL OR next_attempt_at <= $1))
			ORDER BY COALESCE(requested_at, next_attempt_at, removed_at), id`, micros(now))
		return err
	})
	return list, err
}

// SystemBeginSync takes the request for a sync, so that a later one asks for another. The
// source is due again after a minute if no FinishSync comes: a crash loses no request.
func (s *Store) SystemBeginSync(ctx context.Context, sourceID string, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		src, err := getSource(ctx, t, sourceID, "WHERE id = $1", sourceID)
		if err != nil {
			return err
		}
		src.Status.Conditions = condition(src.Status.Conditions, crontopus.ConditionReconciling, true,
			crontopus.ReasonProgressing, "syncing", now)
		_, err = t.Exec(ctx, `
			UPDATE sources SET requested_at = NULL, next_attempt_at = $1, status = $2
			WHERE tenant_id = $3 AND id = $4`,
			micros(now.Add(lease)), text(src.Status), src.Tenant, src.ID)
		return err
	})
}

// saveStatus writes a source's status and when it is due by itself.
func saveStatus(ctx context.Context, t tx, src crontopus.Source, status crontopus.SourceStatus) error {
	_, err := t.Exec(ctx, "UPDATE sources SET status = $1, next_attempt_at = $2 WHERE tenant_id = $3 AND id = $4",
		text(status), optional(status.NextAttemptAt), src.Tenant, src.ID)
	return err
}

// condition returns the list with one condition set. Since moves only when its status or
// reason does.
func condition(list []crontopus.Condition, kind string, status bool, reason, message string, now time.Time) []crontopus.Condition {
	list = slices.Clone(list)
	c := crontopus.Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: now.UTC()}
	i := slices.IndexFunc(list, func(c crontopus.Condition) bool { return c.Type == kind })
	if i < 0 {
		return append(list, c)
	}
	if list[i].Status == status && list[i].Reason == reason {
		c.Since = list[i].Since
	}
	list[i] = c
	return list
}
