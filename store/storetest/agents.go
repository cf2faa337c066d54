package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// marked returns the ids of the tenant's agents that wait for the publisher.
func (w world) marked() (ids []string) {
	marks, err := w.s.SystemMarked(w.t.Context(), "", 1000)
	require.NoError(w.t, err)
	for _, m := range marks {
		if m.Tenant == w.tenant {
			ids = append(ids, m.AgentID)
		}
	}
	return ids
}

// settle clears every mark, as a publisher with nothing to write would.
func (w world) settle() {
	set, err := w.s.DesiredSet(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	marks, err := w.s.SystemMarked(w.t.Context(), "", 1000)
	require.NoError(w.t, err)
	require.NoError(w.t, w.s.CommitPublications(w.t.Context(), w.tenant, set.Sequence, nil, marks))
	require.Empty(w.t, w.marked())
}

var agentCases = cases{
	"an instance that was replaced and comes back is a clone": func(t *testing.T, s *store.Store) {
		a := newWorld(t, s, here).agent("db-01")
		after := func(minutes int, instance string) crontopus.Instance {
			claimed := t0 // what a host claims of clones is not heard
			require.NoError(t, s.SaveReport(t.Context(), here, a.ID, crontopus.AgentReport{At: t0,
				ReceivedAt: t0.Add(time.Duration(minutes) * time.Minute), Instance: crontopus.Instance{Name: instance, Former: "lie", ClonedAt: &claimed}}))
			got, err := s.SystemAgent(t.Context(), a.ID)
			require.NoError(t, err)
			return got.Status.Report.Instance
		}
		require.Nil(t, after(0, "first").ClonedAt)
		require.Nil(t, after(1, "first").ClonedAt)
		require.Nil(t, after(2, "restarted").ClonedAt)
		require.Nil(t, after(3, "again").ClonedAt)
		require.Equal(t, t0.Add(4*time.Minute), *after(4, "restarted").ClonedAt)
		require.Equal(t, t0.Add(5*time.Minute), *after(5, "again").ClonedAt)
		require.Equal(t, t0.Add(5*time.Minute), *after(6, "again").ClonedAt, "it stays told")
		require.Nil(t, after(6+24*60, "again").ClonedAt, "for a day")
	},
	"a key is rotated by who holds the last one, once, and never for a revoked agent": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		other := candidate("").PublicKey
		next := candidate("").PublicKey
		rotate := func(tenant crontopus.TenantID, last, next []byte) error {
			return s.RotateAgentKey(t.Context(), tenant, "agent:db-01", a.ID, last, next)
		}
		newWorld(t, s, there)
		requireCode(t, crontopus.CodeNotFound, rotate(there, a.PublicKey, next))
		requireCode(t, crontopus.CodeConflict, rotate(here, other, next))
		require.NoError(t, rotate(here, a.PublicKey, next))
		require.NoError(t, rotate(here, next, next), "the answer was lost, and it asks again")
		require.NoError(t, rotate(here, a.PublicKey, next))
		requireCode(t, crontopus.CodeConflict, rotate(here, a.PublicKey, other))
		got, err := s.SystemAgent(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, next, got.PublicKey)
		_, err = s.RevokeAgent(t.Context(), here, actor, "db-01", t0)
		require.NoError(t, err)
		requireCode(t, crontopus.CodeGone, rotate(here, next, other))
	},
	"who knows an earlier sequence reads the agents that changed for targets since": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		since := func(sequence int64) (names []string, now int64) {
			list, now, err := s.AgentsSince(t.Context(), here, sequence)
			require.NoError(t, err)
			for _, a := range list {
				names = append(names, a.Name)
			}
			slices.Sort(names)
			return names, now
		}
		a, b := w.agent("a"), w.agent("b")
		all, first := since(0)
		require.Equal(t, []string{"a", "b"}, all)
		require.NoError(t, s.SaveReport(t.Context(), here, a.ID, crontopus.AgentReport{Version: "2"}))
		none, now := since(first)
		require.Empty(t, none, "a report moves no target")
		require.Equal(t, first, now)
		_, err := s.RevokeAgent(t.Context(), here, actor, b.Name, t0)
		require.NoError(t, err)
		changed, now := since(first)
		require.Equal(t, []string{"b"}, changed)
		require.Greater(t, now, first)
	},
	"the list is sorted by name": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		for _, name := range []string{"c", "a", "b"} {
			w.agent(name)
		}
		first, next, err := s.Agents(t.Context(), here, crontopus.Page{Limit: 2})
		require.NoError(t, err)
		rest, end, err := s.Agents(t.Context(), here, crontopus.Page{Limit: 2, After: next})
		require.NoError(t, err)
		require.Empty(t, end)
		require.Equal(t, []string{"a", "b", "c"}, []string{first[0].Name, first[1].Name, rest[0].Name})
	},
	"revoking is at once, marks the bundle, and twice is once": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		w.settle()
		_, before, err := s.AgentsAt(t.Context(), here)
		require.NoError(t, err)
		for _, at := range []time.Time{t0, t0.Add(time.Hour)} {
			revoked, err := s.RevokeAgent(t.Context(), here, actor, "db-01", at)
			require.NoError(t, err)
			require.Equal(t, t0, *revoked.RevokedAt)
		}
		got, err := s.SystemAgent(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, t0, *got.RevokedAt)
		require.Equal(t, []string{a.ID}, w.marked())
		_, after, err := s.AgentsAt(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, before+1, after)
	},
	"an agent that is not there": func(t *testing.T, s *store.Store) {
		_, err := s.SystemAgent(t.Context(), "nobody")
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.AgentByName(t.Context(), here, "nobody")
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.RevokeAgent(t.Context(), here, actor, "nobody", t0)
		requireCode(t, crontopus.CodeNotFound, err)
		requireCode(t, crontopus.CodeNotFound, s.SaveReport(t.Context(), here, "nobody", crontopus.AgentReport{}))
		_, err = s.AgentJobs(t.Context(), here, "nobody")
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"heartbeats only move forward": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		drained := t0.Add(-time.Second)
		beat := func(at time.Time, drained *time.Time) crontopus.Heartbeat {
			return crontopus.Heartbeat{Tenant: here, AgentID: a.ID, At: at, SpoolDrained: drained}
		}
		require.NoError(t, s.SystemHeartbeats(t.Context(), []crontopus.Heartbeat{
			beat(t0.Add(time.Minute), &drained), beat(t0, nil), {Tenant: here, AgentID: "nobody", At: t0}}))
		early := drained.Add(-time.Hour)
		require.NoError(t, s.SystemHeartbeats(t.Context(), []crontopus.Heartbeat{beat(t0, &early)}))
		got, err := s.SystemAgent(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, t0.Add(time.Minute), *got.Status.LastSeenAt)
		require.Equal(t, drained, *got.Status.SpoolDrained)
	},
	"a report is kept whole": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		report := crontopus.AgentReport{At: t0, Version: "1.0", Scheduler: "crontab", Timezone: "Europe/Berlin",
			Facts: map[string]string{"os": "linux", "arch": "arm64"}, Applied: crontopus.Generation{Epoch: 1, Number: 3},
			Denied: []crontopus.Denial{{Job: named("backup"), Reason: "root is not allowed"}},
			Drift:  []crontopus.Drift{{At: t0, Entry: "production/backup", Kind: crontopus.DriftEdited, Detail: "* * * * * rm"}}}
		require.NoError(t, s.SaveReport(t.Context(), here, a.ID, report))
		got, err := s.AgentByName(t.Context(), here, "db-01")
		require.NoError(t, err)
		require.Equal(t, report, got.Status.Report)
		require.Equal(t, report.Facts, got.Facts)
	},
	"facts that targets may match mark the bundle when they change": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token := w.token(func(k *crontopus.EnrollmentToken) { k.MatchFacts = true })
		matched, err := s.SystemEnroll(t.Context(), token, candidate("db-01"), t0)
		require.NoError(t, err)
		ignored := w.agent("db-02")
		w.settle()
		changed := crontopus.AgentReport{At: t0, Facts: map[string]string{"os": "plan9"}}
		require.NoError(t, s.SaveReport(t.Context(), here, ignored.ID, changed))
		require.NoError(t, s.SaveReport(t.Context(), here, matched.ID, crontopus.AgentReport{At: t0, Facts: matched.Facts}))
		require.NoError(t, s.SaveReport(t.Context(), here, matched.ID, crontopus.AgentReport{At: t0}), "says nothing of facts")
		require.Empty(t, w.marked())
		require.NoError(t, s.SaveReport(t.Context(), here, matched.ID, changed))
		require.Equal(t, []string{matched.ID}, w.marked())
	},
}
