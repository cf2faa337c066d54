package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// RequestSync asks for a sync on a person's behalf.
func (s *Store) RequestSync(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.sync", name, func(t tx, src crontopus.Source) (string, error) {
		if src.Suspended {
			return "", crontopus.Errorf(crontopus.CodeConflict, "the source %q is suspended", name).
				WithHint("resume it first: crontopus sources resume %s", name)
		}
		return "", request(ctx, t, src, crontopus.TriggerManual, now)
	})
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
		return "", request(ctx, t, src, crontopus.TriggerManual, s.now())
	})
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
		return plan, request(ctx, t, src, crontopus.TriggerManual, s.now())
	})
}

// LimitSource says what the source's jobs may reach from now on, and asks for the sync that finds
// out whether they do. What is in force stays until a revision within the limits comes.
func (s *Store) LimitSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, limits crontopus.SourceLimits, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.limit", name, func(t tx, src crontopus.Source) (string, error) {
		_, err := t.Exec(ctx, "UPDATE sources SET limits = $1 WHERE tenant_id = $2 AND id = $3", text(limits), tenant, src.ID)
		if err != nil {
			return "", err
		}
		return text(limits), request(ctx, t, src, crontopus.TriggerManual, now)
	})
}

// ChangeSourceSecrets changes the credentials that change names, leaves the others, and asks for the
// sync that finds out whether they are right. Where those that are stored do not open any more
// (crontopus.ErrDoesNotOpen), whole takes their place, and replaced is true. invalid means that what the
// source would have then is not enough for its address.
func (s *Store) ChangeSourceSecrets(ctx context.Context, tenant crontopus.TenantID, actor, name string, change, whole crontopus.SourceSecrets, now time.Time) (replaced bool, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if err := s.holdsBox(ctx, t); err != nil { // before the source's row, as SystemRekey
			return err
		}
		return s.changeSourceIn(ctx, t, tenant, actor, "source.credentials", name, func(t tx, src crontopus.Source) (string, error) {
			secrets, err := s.openSourceSecrets(ctx, t, tenant, src.ID)
			named := change
			if replaced = errors.Is(err, crontopus.ErrDoesNotOpen); replaced {
				secrets, named, err = whole, whole, nil
			}
			if err != nil {
				return "", err
			}
			secrets = secrets.With(named)
			if err := secrets.CheckFor(src.URL); err != nil {
				return "", err
			}
			plain, err := json.Marshal(secrets)
			if err != nil {
				return "", err
			}
			_, err = t.Exec(ctx, "UPDATE sources SET secrets = $1 WHERE tenant_id = $2 AND id = $3",
				s.box.Seal(sourceAAD(tenant, src.ID), plain), tenant, src.ID)
			if err != nil {
				return "", err
			}
			return strings.Join(named.Names(), ", "), request(ctx, t, src, crontopus.TriggerManual, now)
		})
	})
	return replaced, err
}

// RemoveSource asks the syncer to take the source's jobs off the hosts and then to drop it.
func (s *Store) RemoveSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.remove", name, func(t tx, src crontopus.Source) (string, error) {
		_, err := t.Exec(ctx, "UPDATE sources SET removed_at = $1 WHERE tenant_id = $2 AND id = $3", micros(now), tenant, src.ID)
		if err != nil {
			return "", err
		}
		if err := watchSource(ctx, t, tenant, src.ID, now); err != nil {
			return "", err
		}
		return "", request(ctx, t, src, crontopus.TriggerManual, now)
	})
}

// changeSource makes a person's change to a source that is not under removal, and its
// audit row. change returns the row's detail.
func (s *Store) changeSource(ctx context.Context, tenant crontopus.TenantID, actor, action, name string,
	change func(tx, crontopus.Source) (string, error)) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		return s.changeSourceIn(ctx, t, tenant, actor, action, name, change)
	})
}

// changeSourceIn is changeSource in a transaction that does something before.
func (s *Store) changeSourceIn(ctx context.Context, t tx, tenant crontopus.TenantID, actor, action, name string,
	change func(tx, crontopus.Source) (string, error)) error {
	src, err := lockSource(ctx, t, name, "WHERE tenant_id = $1 AND name = $2", tenant, name)
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
}
