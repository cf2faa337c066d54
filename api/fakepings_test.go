package api_test

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

func (s *fakeStore) SystemPingURL(ctx context.Context, id string) (_ crontopus.TenantID, job crontopus.JobName, err error) {
	if s.urlLookup != nil {
		s.urlLookup(ctx)
	}
	return crontopus.DefaultTenant, job, s.locked(func() error {
		s.lookups++
		return find(s.pingURLs, id, &job)()
	})
}

func (s *fakeStore) SystemPingKey(_ context.Context, hash [32]byte) (key crontopus.PingKey, err error) {
	return key, s.locked(func() error {
		s.lookups++
		err := find(s.pingKeys, hash, &key)()
		if key.RevokedAt != nil {
			err = crontopus.Errorf(crontopus.CodeNotFound, "revoked")
		}
		return err
	})
}

func (s *fakeStore) LogPing(_ context.Context, _ crontopus.TenantID, p crontopus.Ping, c crontopus.CheckIn) error {
	if err := s.checkPing(p, c.Job); err != nil {
		return err
	}
	s.change(func() { s.logged = append(s.logged, c.RunID+" "+string(c.Output)) })
	return nil
}

// checkPing knows the jobs that a test has said there are.
func (s *fakeStore) checkPing(p crontopus.Ping, job crontopus.JobName) error {
	return s.locked(func() error {
		_, good := s.pingURLs[p.URL]
		for _, key := range s.pingKeys {
			good = good || key.ID == p.Key && key.RevokedAt == nil
		}
		if !good {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no such ping URL")
		}
		if !slices.ContainsFunc(s.jobs, func(j crontopus.DesiredJob) bool { return j.Job.Name() == job }) {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no job %s", job)
		}
		return nil
	})
}

func (s *fakeStore) RecordPing(ctx context.Context, p crontopus.Ping) error {
	if err := s.checkPing(p, p.CheckIns[0].Job); err != nil {
		return err
	}
	if p.Unnamed {
		id := uuid.Must(uuid.NewV7()).String()
		for i := range p.CheckIns {
			p.CheckIns[i].RunID = id
		}
	}
	results, err := s.RecordCheckIns(ctx, p.Tenant, "", p.CheckIns)
	for _, refused := range results {
		err = cmp.Or(err, refused)
	}
	s.change(func() { s.pings = append(s.pings, p) })
	return err
}

func (s *fakeStore) PingURL(_ context.Context, _ crontopus.TenantID, job crontopus.JobName) (id string, err error) {
	return id, s.locked(func() error {
		for known, of := range s.pingURLs {
			if of == job {
				id = known
			}
		}
		return nil
	})
}

func (s *fakeStore) RotatePingURL(ctx context.Context, tenant crontopus.TenantID, actor string, job crontopus.JobName) (string, error) {
	if _, err := s.Job(ctx, tenant, job); err != nil {
		return "", err
	}
	id := uuid.NewString()
	return id, s.locked(func() error {
		maps.DeleteFunc(s.pingURLs, func(_ string, of crontopus.JobName) bool { return of == job })
		s.pingURLs[id], s.actors = job, append(s.actors, actor)
		return nil
	})
}

func (s *fakeStore) CreatePingKey(_ context.Context, _ crontopus.TenantID, actor string, key crontopus.PingKey, hash [32]byte) error {
	return s.locked(func() error {
		if !crontopus.ValidName(key.Namespace) {
			return crontopus.Errorf(crontopus.CodeInvalid, "%q is not a namespace", key.Namespace)
		}
		s.pingKeys[hash], s.actors = key, append(s.actors, actor)
		return nil
	})
}

func (s *fakeStore) PingKeys(context.Context, crontopus.TenantID, crontopus.Page) (keys []crontopus.PingKey, next string, err error) {
	return keys, "", s.locked(func() error {
		keys = slices.SortedFunc(maps.Values(s.pingKeys), func(a, b crontopus.PingKey) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
}

func (s *fakeStore) RevokePingKey(_ context.Context, _ crontopus.TenantID, _, id string) error {
	return s.locked(func() error {
		for hash, key := range s.pingKeys {
			if key.ID == id {
				key.RevokedAt = &key.CreatedAt
				s.pingKeys[hash] = key
				return nil
			}
		}
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no ping key %s", id)
	})
}
