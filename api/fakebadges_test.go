package api_test

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

func (s *fakeStore) EnsureBadge(ctx context.Context, tenant crontopus.TenantID, actor string, b crontopus.Badge) (crontopus.Badge, error) {
	if b.Name != "" {
		if _, err := s.Job(ctx, tenant, b.Job()); err != nil {
			return b, err
		}
	}
	b.ID, b.Tenant = uuid.NewString(), tenant
	return b, s.locked(func() error {
		s.badges[b.ID], s.actors = b, append(s.actors, actor)
		return nil
	})
}

func (s *fakeStore) Badges(context.Context, crontopus.TenantID, crontopus.Page) (list []crontopus.Badge, next string, err error) {
	return list, "", s.locked(func() error {
		list = slices.SortedFunc(maps.Values(s.badges), func(a, b crontopus.Badge) int { return cmp.Compare(a.Of(), b.Of()) })
		return nil
	})
}

func (s *fakeStore) RotateBadge(_ context.Context, _ crontopus.TenantID, _, id string) (b crontopus.Badge, err error) {
	return b, s.locked(func() error {
		if err := find(s.badges, id, &b)(); err != nil {
			return err
		}
		delete(s.badges, id)
		b.ID = uuid.NewString()
		s.badges[b.ID] = b
		return nil
	})
}

func (s *fakeStore) RemoveBadge(_ context.Context, _ crontopus.TenantID, _, id string) error {
	return s.locked(func() error {
		var b crontopus.Badge
		err := find(s.badges, id, &b)()
		delete(s.badges, id)
		return err
	})
}

func (s *fakeStore) SystemBadge(_ context.Context, id string) (b crontopus.Badge, err error) {
	return b, s.locked(func() error {
		s.lookups++
		return find(s.badges, id, &b)()
	})
}

func (s *fakeStore) BadgeState(context.Context, crontopus.TenantID, crontopus.Badge) (state crontopus.BadgeState, err error) {
	return state, s.locked(func() error {
		state = s.shows
		return nil
	})
}
