package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var statsCases = cases{
	"a tally counts what is due and marked, of every tenant": func(t *testing.T, s *store.Store) {
		tally := func(now time.Time) store.Tally {
			c, err := s.SystemTally(t.Context(), now)
			require.NoError(t, err)
			return c
		}
		require.Equal(t, store.Tally{Incidents: map[crontopus.AlertKind]int{}}, tally(t0))
		w, other := newWorld(t, s, here), newWorld(t, s, there)
		src := w.source("ops")
		w.agent("db-01")
		w.agent("db-02")
		other.source("theirs")
		other.agent("web-01")
		c := tally(t0)
		require.Equal(t, 2, c.DueSources)
		require.Equal(t, 3, c.MarkedAgents)
		require.Equal(t, 5, tally(soon()).DueWatches)

		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		marks, err := s.SystemMarked(t.Context(), "", 2)
		require.NoError(t, err)
		for _, m := range marks {
			require.NoError(t, s.CommitPublications(t.Context(), m.Tenant, 0, nil, []crontopus.Mark{m}))
		}
		look(t, s, soon(), nil)
		c = tally(t0)
		require.Equal(t, 1, c.DueSources)
		require.Equal(t, 1, c.MarkedAgents)
		require.Zero(t, tally(soon()).DueWatches)
	},
	"a tally counts agents by state and open incidents by kind, of every tenant": func(t *testing.T, s *store.Store) {
		w, other := newWorld(t, s, here), newWorld(t, s, there)
		silent, heard := w.agent("db-01"), other.agent("web-01")
		w.agent("db-02")
		_, err := s.RevokeAgent(t.Context(), here, actor, w.agent("db-03").Name, t0)
		require.NoError(t, err)
		now := soon()
		require.NoError(t, s.SystemHeartbeats(t.Context(), []crontopus.Heartbeat{
			{Tenant: here, AgentID: silent.ID, At: now.Add(-time.Hour)}, {Tenant: there, AgentID: heard.ID, At: now}}))
		look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			if l.Watch.AgentID == silent.ID || l.Watch.AgentID == heard.ID {
				v.Incidents = []crontopus.Incident{incident(&l.Watch, crontopus.AlertFailed, now)}
			}
			return v
		})
		c, err := s.SystemTally(t.Context(), now)
		require.NoError(t, err)
		require.Equal(t, crontopus.AgentCounts{Online: 1, Offline: 1, NeverSeen: 1}, c.Agents)
		require.Equal(t, map[crontopus.AlertKind]int{crontopus.AlertFailed: 2}, c.Incidents)
		require.Equal(t, 2, c.DueIncidents)
	},
	"pools are counted": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.Ping(t.Context()))
		pools := s.SystemStats().Pools
		require.NotEmpty(t, pools)
		for _, p := range pools {
			require.NotEmpty(t, p.Name)
			require.Positive(t, p.Most, p.Name)
			require.Positive(t, p.Open, p.Name)
		}
	},
}
