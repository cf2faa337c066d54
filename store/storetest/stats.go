package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var statsCases = cases{
	"the backlog counts what is due and marked, of every tenant": func(t *testing.T, s *store.Store) {
		backlog := func() store.Backlog {
			b, err := s.SystemBacklog(t.Context(), t0)
			require.NoError(t, err)
			return b
		}
		require.Zero(t, backlog())
		w, other := newWorld(t, s, here), newWorld(t, s, there)
		src := w.source("ops")
		w.agent("db-01")
		w.agent("db-02")
		other.source("theirs")
		other.agent("web-01")
		require.Equal(t, store.Backlog{DueSources: 2, MarkedAgents: 3}, backlog())

		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		marks, err := s.SystemMarked(t.Context(), "", 2)
		require.NoError(t, err)
		for _, m := range marks {
			require.NoError(t, s.CommitPublications(t.Context(), m.Tenant, 0, nil, []crontopus.Mark{m}))
		}
		require.Equal(t, store.Backlog{DueSources: 1, MarkedAgents: 1}, backlog())
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
