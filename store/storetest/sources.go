package storetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var sourceCases = cases{
	"a source comes back as it was added, its secrets apart": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.Equal(t, here, src.Tenant)
		require.Equal(t, "main", src.Branch)
		require.Equal(t, "1m", src.Interval.String())
		require.Equal(t, []crontopus.Condition{}, src.Status.Conditions, "a list in JSON, not null")
		global, err := s.SystemSource(t.Context(), src.ID)
		require.NoError(t, err)
		require.Equal(t, src, global)
		secrets, err := s.SourceSecrets(t.Context(), here, src.ID)
		require.NoError(t, err)
		require.Equal(t, crontopus.SourceSecrets{Username: "bot", Password: "hunter2", WebhookSecret: "s3cret"}, secrets)
	},
	"a name exists once in a tenant": func(t *testing.T, s *store.Store) {
		newWorld(t, s, here).source("ops")
		err := s.CreateSource(t.Context(), here, actor, crontopus.Source{ID: "x", Name: "ops"}, crontopus.SourceSecrets{})
		requireCode(t, crontopus.CodeConflict, err)
		require.ErrorContains(t, err, `"ops"`)
		newWorld(t, s, there).source("ops")
	},
	"a name that is none": func(t *testing.T, s *store.Store) {
		err := s.CreateSource(t.Context(), here, actor, crontopus.Source{ID: "x", Name: "../ops"}, crontopus.SourceSecrets{})
		requireCode(t, crontopus.CodeInvalid, err)
	},
	"a source that is not there": func(t *testing.T, s *store.Store) {
		_, err := s.Source(t.Context(), here, "ops")
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.SystemSource(t.Context(), "ops")
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.SourceSecrets(t.Context(), here, "ops")
		requireCode(t, crontopus.CodeNotFound, err)
		requireCode(t, crontopus.CodeNotFound, s.RequestSync(t.Context(), here, actor, "ops", t0))
		requireCode(t, crontopus.CodeNotFound, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		requireCode(t, crontopus.CodeNotFound, s.SystemRequestSync(t.Context(), "ops", crontopus.TriggerWebhook, t0))
		requireCode(t, crontopus.CodeNotFound, s.SystemBeginSync(t.Context(), "ops", "", t0))
		requireCode(t, crontopus.CodeNotFound, s.FinishSync(t.Context(), here, "ops", crontopus.SyncOutcome{}))
		requireCode(t, crontopus.CodeNotFound, s.DropSource(t.Context(), here, "ops", nil))
		_, _, err = s.Syncs(t.Context(), here, "ops", crontopus.Page{})
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"only the plan that holds it can be approved": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		requireCode(t, crontopus.CodeConflict, s.ApprovePlan(t.Context(), here, actor, "ops", "abc"))
		requireCode(t, crontopus.CodeConflict, s.ApprovePlan(t.Context(), here, actor, "ops", ""))
		w.hold(src, "abc")
		requireCode(t, crontopus.CodeConflict, s.ApprovePlan(t.Context(), here, actor, "ops", "abcd"))
		require.NoError(t, s.ApprovePlan(t.Context(), here, actor, "ops", "abc"))
		require.Equal(t, "abc", w.get("ops").Approved)
		require.NotNil(t, w.get("ops").RequestedAt, "and asks for the sync that carries it out")
	},
	"an approval is spent by the sync that uses it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.hold(src, "abc")
		require.NoError(t, s.ApprovePlan(t.Context(), here, actor, "ops", "abc"))
		w.hold(src, "abc")
		require.Equal(t, "abc", w.get("ops").Approved, "a sync that had read the source before the approval came")
		w.sync(src, "backup")
		require.Empty(t, w.get("ops").Approved)
	},
	"an approval beside the sync that holds another plan": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		for range 20 {
			w.hold(src, "abc")
			var both sync.WaitGroup
			both.Go(func() {
				if err := s.ApprovePlan(t.Context(), here, actor, "ops", "abc"); err != nil && crontopus.ErrorCode(err) != crontopus.CodeConflict {
					t.Error(err)
				}
			})
			both.Go(func() { w.hold(src, "def") })
			both.Wait()
			require.Empty(t, w.get("ops").Approved, "whoever was first, this plan is not the one that holds it")
		}
	},
	"an approval ends when another plan takes its place": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.hold(src, "abc")
		require.NoError(t, s.ApprovePlan(t.Context(), here, actor, "ops", "abc"))
		w.hold(src, "def")
		require.Empty(t, w.get("ops").Approved)
	},
	"limits come back as they were set, with a sync that finds out": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		limits := crontopus.SourceLimits{Namespaces: []string{"team-*"}, Labels: map[string]string{"team": "db"}, Users: []string{"backup"}, MaxEntries: 5}
		require.NoError(t, s.CreateSource(t.Context(), here, actor, crontopus.Source{ID: "l", Name: "limited", Limits: limits, CreatedAt: t0}, crontopus.SourceSecrets{}))
		require.Equal(t, limits, w.get("limited").Limits)
		src := w.source("ops")
		require.True(t, src.Limits.IsZero())
		w.sync(src, "backup")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.NoError(t, s.LimitSource(t.Context(), here, actor, "ops", limits, t0))
		require.Equal(t, limits, w.get("ops").Limits)
		require.NotNil(t, w.get("ops").RequestedAt)
		log, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "source.limit", log[0].Action)
		require.Contains(t, log[0].Detail, "team-*")
		requireCode(t, crontopus.CodeNotFound, s.LimitSource(t.Context(), here, actor, "none", limits, t0))
	},
	"credentials are changed one by one, with a sync that finds out": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		set := func(change crontopus.SourceSecrets) error {
			replaced, err := s.ChangeSourceSecrets(t.Context(), here, actor, "ops", change, crontopus.SourceSecrets{WebhookSecret: "spare"}, t0)
			require.False(t, replaced)
			return err
		}
		w.sync(src, "backup")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.Nil(t, w.get("ops").RequestedAt)
		require.NoError(t, set(crontopus.SourceSecrets{Password: "hunter3"}))
		require.NotNil(t, w.get("ops").RequestedAt)
		secrets, err := s.SourceSecrets(t.Context(), here, src.ID)
		require.NoError(t, err)
		require.Equal(t, crontopus.SourceSecrets{Username: "bot", Password: "hunter3", WebhookSecret: "s3cret"}, secrets)
		require.NoError(t, set(crontopus.SourceSecrets{Username: "robot", WebhookSecret: "hush"}))
		secrets, err = s.SourceSecrets(t.Context(), here, src.ID)
		require.NoError(t, err)
		require.Equal(t, crontopus.SourceSecrets{Username: "robot", Password: "hunter3", WebhookSecret: "hush"}, secrets)

		log, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 2})
		require.NoError(t, err)
		require.Equal(t, "source.credentials", log[0].Action)
		require.Equal(t, "user name, webhook secret", log[0].Detail, "what, and not into what")
		require.Equal(t, "password", log[1].Detail)
		require.NoError(t, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		requireCode(t, crontopus.CodeConflict, set(crontopus.SourceSecrets{Password: "late"}))
	},
	"a source by ssh is not left without what it needs": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.CreateSource(t.Context(), here, actor, crontopus.Source{ID: "o", Name: "ops", URL: "git@forge.example.com:a.git", CreatedAt: t0}, crontopus.SourceSecrets{}))
		for _, change := range []crontopus.SourceSecrets{{Password: "hunter2"}, {SSHKey: "key"}, {KnownHosts: "line"}} {
			_, err := s.ChangeSourceSecrets(t.Context(), here, actor, "ops", change, change, t0)
			requireCode(t, crontopus.CodeInvalid, err)
		}
		whole := crontopus.SourceSecrets{SSHKey: "key", KnownHosts: "line"}
		_, err := s.ChangeSourceSecrets(t.Context(), here, actor, "ops", whole, whole, t0)
		require.NoError(t, err)
	},
	"jobs that were read under other limits are not written": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		limits := crontopus.SourceLimits{MaxEntries: 1}
		require.NoError(t, s.LimitSource(t.Context(), here, actor, "ops", limits, t0))
		o := w.outcome(src, "backup")
		requireCode(t, crontopus.CodeConflict, s.FinishSync(t.Context(), here, src.ID, o))
		require.Empty(t, w.desired())
		o.Status.LimitsDigest = limits.Digest()
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
	},
	"removal ends with the name free and nothing left": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, a := w.source("ops"), w.agent("db-01")
		w.sync(src, "backup")
		w.settle()
		requireCode(t, crontopus.CodeConflict, s.DropSource(t.Context(), here, src.ID, nil))
		require.NoError(t, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		for _, err := range []error{
			s.RemoveSource(t.Context(), here, actor, "ops", t0),
			s.RequestSync(t.Context(), here, actor, "ops", t0),
			s.SuspendSource(t.Context(), here, actor, "ops", true),
		} {
			requireCode(t, crontopus.CodeConflict, err)
		}
		before, err := s.DesiredSet(t.Context(), here)
		require.NoError(t, err)
		require.NoError(t, s.DropSource(t.Context(), here, src.ID, []string{a.ID}))
		after, err := s.DesiredSet(t.Context(), here)
		require.NoError(t, err)
		require.Empty(t, after.States)
		require.Equal(t, before.Sequence+1, after.Sequence)
		require.Equal(t, []string{a.ID}, w.marked())
		list, _, err := s.Sources(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Empty(t, list)
		w.source("ops")
	},
}

// get reads a source.
func (w world) get(name string) crontopus.Source {
	src, err := w.s.Source(w.t.Context(), w.tenant, name)
	require.NoError(w.t, err)
	return src
}

// hold ends a sync that waits for a person to approve the plan.
func (w world) hold(src crontopus.Source, plan string) {
	o := w.outcome(src)
	o.Desired, o.Status.HeldPlan, o.Status.NextAttemptAt = nil, plan, nil
	require.NoError(w.t, w.s.FinishSync(w.t.Context(), w.tenant, src.ID, o))
}
