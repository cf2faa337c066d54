package api_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

func (s *fakeStore) CreateSource(_ context.Context, _ crontopus.TenantID, actor string, source crontopus.Source, secrets crontopus.SourceSecrets) error {
	return s.locked(func() error {
		for _, known := range s.sources {
			if known.Name == source.Name {
				return crontopus.Errorf(crontopus.CodeConflict, "there is a source %s already", source.Name)
			}
		}
		s.sources[source.ID], s.secrets[source.ID], s.actors = source, secrets, append(s.actors, actor)
		return nil
	})
}

func (s *fakeStore) Source(_ context.Context, _ crontopus.TenantID, name string) (source crontopus.Source, err error) {
	return source, s.locked(func() error {
		for _, known := range s.sources {
			if known.Name == name {
				source = known
				return nil
			}
		}
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no source %s", name)
	})
}

func (s *fakeStore) Sources(context.Context, crontopus.TenantID, crontopus.Page) (sources []crontopus.Source, next string, err error) {
	return sources, "", s.locked(func() error {
		sources = slices.SortedFunc(maps.Values(s.sources), func(a, b crontopus.Source) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
}

func (s *fakeStore) SystemSource(_ context.Context, id string) (source crontopus.Source, err error) {
	return source, s.locked(find(s.sources, id, &source))
}

func (s *fakeStore) SourceSecrets(_ context.Context, _ crontopus.TenantID, id string) (secrets crontopus.SourceSecrets, err error) {
	return secrets, s.locked(find(s.secrets, id, &secrets))
}

func (s *fakeStore) SystemRequestSync(ctx context.Context, id, _ string, _ time.Time) error {
	return s.locked(func() error {
		s.requests, s.behalf = append(s.requests, id), append(s.behalf, trace.Of(ctx))
		return nil
	})
}

func (s *fakeStore) RequestSync(ctx context.Context, tenant crontopus.TenantID, _, name string, now time.Time) error {
	source, err := s.Source(ctx, tenant, name)
	if err != nil {
		return err
	}
	return s.SystemRequestSync(ctx, source.ID, crontopus.TriggerManual, now)
}

func (s *fakeStore) edit(ctx context.Context, name string, f func(*crontopus.Source) error) error {
	source, err := s.Source(ctx, crontopus.DefaultTenant, name)
	if err == nil {
		err = f(&source)
	}
	if err != nil {
		return err
	}
	return s.locked(func() error { s.sources[source.ID] = source; return nil })
}

func (s *fakeStore) SuspendSource(ctx context.Context, _ crontopus.TenantID, _, name string, suspended bool) error {
	return s.edit(ctx, name, func(source *crontopus.Source) error { source.Suspended = suspended; return nil })
}

func (s *fakeStore) PinSource(ctx context.Context, _ crontopus.TenantID, _, name, commit string, _ time.Time) error {
	return s.edit(ctx, name, func(source *crontopus.Source) error { source.Pinned = commit; return nil })
}

func (s *fakeStore) UnpinSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error {
	return s.PinSource(ctx, tenant, actor, name, "", now)
}

func (s *fakeStore) RollbackSource(ctx context.Context, tenant crontopus.TenantID, actor, name, to string, now time.Time) (string, error) {
	return "main@sha1:" + to, s.PinSource(ctx, tenant, actor, name, to, now)
}

func (s *fakeStore) LimitSource(ctx context.Context, _ crontopus.TenantID, _, name string, limits crontopus.SourceLimits, _ time.Time) error {
	return s.edit(ctx, name, func(source *crontopus.Source) error { source.Limits = limits; return nil })
}

// ChangeSourceSecrets knows no others where lost says so.
func (s *fakeStore) ChangeSourceSecrets(ctx context.Context, tenant crontopus.TenantID, actor, name string, change, whole crontopus.SourceSecrets, _ time.Time) (replaced bool, err error) {
	source, err := s.Source(ctx, tenant, name)
	if err != nil {
		return false, err
	}
	return s.lost, s.locked(func() error {
		s.actors = append(s.actors, actor)
		if s.secrets[source.ID] = s.secrets[source.ID].With(change); s.lost {
			s.secrets[source.ID] = whole
		}
		return nil
	})
}

func (s *fakeStore) ApprovePlan(ctx context.Context, _ crontopus.TenantID, _, name, plan string) error {
	return s.edit(ctx, name, func(source *crontopus.Source) error {
		if source.Status.HeldPlan != plan {
			return crontopus.Errorf(crontopus.CodeConflict, "another plan is held")
		}
		source.Approved = plan
		return nil
	})
}

func (s *fakeStore) RemoveSource(ctx context.Context, _ crontopus.TenantID, _, name string, now time.Time) error {
	return s.edit(ctx, name, func(source *crontopus.Source) error { source.RemovedAt = &now; return nil })
}

func (s *fakeStore) Syncs(ctx context.Context, tenant crontopus.TenantID, name string, _ crontopus.Page) (syncs []crontopus.Sync, next string, err error) {
	if _, err := s.Source(ctx, tenant, name); err != nil {
		return nil, "", err
	}
	return syncs, "", s.locked(func() error { syncs = slices.Collect(maps.Values(s.syncs)); return nil })
}

func (s *fakeStore) Sync(_ context.Context, _ crontopus.TenantID, id string) (sync crontopus.Sync, err error) {
	return sync, s.locked(find(s.syncs, id, &sync))
}
