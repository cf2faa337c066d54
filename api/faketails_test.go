package api_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

func (s *fakeStore) Follow(_ context.Context, tenant crontopus.TenantID) error {
	return s.locked(func() error {
		s.follows = append(s.follows, tenant)
		return nil
	})
}

func (s *fakeStore) RunsNamed(_ context.Context, tenant crontopus.TenantID, ids []string) ([]crontopus.Run, error) {
	return s.some(tenant, func(r *crontopus.Run) bool { return slices.Contains(ids, r.ID) })
}

func (s *fakeStore) RunsSince(_ context.Context, tenant crontopus.TenantID, since time.Time) ([]crontopus.Run, error) {
	return s.some(tenant, func(r *crontopus.Run) bool { return r.Started != nil && !r.Started.Before(since) })
}

// some are runs of the default tenant, by their ids. Another has none.
func (s *fakeStore) some(tenant crontopus.TenantID, which func(*crontopus.Run) bool) (list []crontopus.Run, err error) {
	return list, s.locked(func() error {
		for _, run := range s.runs {
			if tenant == crontopus.DefaultTenant && which(&run) {
				list = append(list, run)
			}
		}
		slices.SortFunc(list, func(a, b crontopus.Run) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
}

// ran puts a run there, as a check-in would, and tells of it.
func (s *server) ran(id string, state crontopus.RunState, at time.Time) {
	s.store.change(func() {
		s.store.runs[id] = crontopus.Run{ID: id, Job: backup, Agent: "db-01", State: state, Started: &at}
	})
	s.api.RunChanged(crontopus.DefaultTenant, id)
}

// stranger adds a key of another tenant.
func (s *server) stranger(secret string, hash [32]byte) string {
	s.store.change(func() {
		s.store.keys[hash] = crontopus.APIKey{ID: "theirs", Tenant: "other", Name: "theirs", Role: crontopus.RoleViewer}
	})
	return "Authorization: Bearer " + secret
}
