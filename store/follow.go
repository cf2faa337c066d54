package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

const (
	// FollowFor is how long the other servers tell after Follow.
	FollowFor = time.Minute

	rememberedFollows = 1000
	// newestRuns is how many runs RunsSince looks through.
	newestRuns = 10_000
)

// Follow has the other servers tell for a while, as ChangedRuns, which runs of the tenant are not as they were.
// As long as nobody follows, nothing is told.
func (s *Store) Follow(ctx context.Context, tenant crontopus.TenantID) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		return t.Tell(ctx, Change{Kind: followed, Tenant: tenant})
	})
}

// noteFollowers remembers who follows what, and passes on the rest.
func (s *Store) noteFollowers(hear func(Change)) func(Change) {
	return func(c Change) {
		if c.Kind != followed {
			hear(c)
			return
		}
		_, _, seen := s.follows.Get(c.Tenant)
		s.follows.Put(c.Tenant, s.now().Add(FollowFor), seen)
	}
}

// tellFollowers tells other servers which runs are not as they were, if they want to hear it.
func (s *Store) tellFollowers(ctx context.Context, t tx, changed []*runKept) error {
	var told map[crontopus.TenantID][]string
	for _, run := range changed {
		if until, known, _ := s.follows.Get(run.tenant); !known || !s.now().Before(until) {
			continue
		}
		if told == nil {
			told = map[crontopus.TenantID][]string{}
		}
		told[run.tenant] = append(told[run.tenant], run.ID)
	}
	for tenant, ids := range told {
		if err := t.Tell(ctx, Change{Kind: ChangedRuns, Tenant: tenant, Runs: ids}); err != nil {
			return err
		}
	}
	return nil
}

// RunsNamed returns those of the runs that there are, by their place in lists, without output.
func (s *Store) RunsNamed(ctx context.Context, tenant crontopus.TenantID, ids []string) (list []crontopus.Run, err error) {
	var v many
	withEach(&v, "tenant", "text", ids, func(*string) string { return string(tenant) })
	with(&v, "run", "text", ids)
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collectMany(ctx, t, scanFollowedRun, v, selectRuns+"JOIN v ON r.tenant_id = v.tenant AND r.id = v.run ORDER BY r.at, r.id")
		return err
	})
	return list, err
}

// RunsSince returns, of the tenant's newest runs, those that were due, began or ended at or after an
// instant, by their place in lists, without output.
func (s *Store) RunsSince(ctx context.Context, tenant crontopus.TenantID, since time.Time) (list []crontopus.Run, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanFollowedRun, "SELECT "+runColumns+` FROM (
				SELECT tenant_id, id, namespace, name, agent_id, state, scheduled_for, started_at, finished_at, exit_code, attempt, message, reason, revision, at
				FROM runs WHERE tenant_id = $1 ORDER BY at DESC, id DESC LIMIT $2) r
			LEFT JOIN agents a ON a.tenant_id = r.tenant_id AND a.id = r.agent_id
			WHERE r.at >= $3 OR r.started_at >= $3 OR r.finished_at >= $3 ORDER BY r.at, r.id`, tenant, newestRuns, micros(since))
		return err
	})
	return list, err
}

func scanFollowedRun(r row, run *crontopus.Run) error {
	var listed listedRun
	err := scanRun(r, &listed)
	*run = listed.Run
	return err
}
