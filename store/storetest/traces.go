package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
	"crontopus.dev/crontopus/store"
)

// Names of spans.
const (
	spanA = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	spanB = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// spans are on whose behalf the bundles of the marked agents are to be compiled.
func (w world) spans() (spans []string) {
	marks, err := w.s.SystemMarked(w.t.Context(), "", 10)
	require.NoError(w.t, err)
	for _, m := range marks {
		spans = append(spans, m.Trace)
	}
	return spans
}

// publishMarked publishes nothing new for everybody who is marked.
func (w world) publishMarked() {
	set, err := w.s.DesiredSet(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	marks, err := w.s.SystemMarked(w.t.Context(), "", 10)
	require.NoError(w.t, err)
	require.NoError(w.t, w.s.CommitPublications(w.t.Context(), w.tenant, set.Sequence, nil, marks))
}

var traceCases = cases{
	"who syncs learns on whose behalf, of the first who asked": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "me", t0)) // that it was added for
		w.finishAs(src, "me")
		require.NoError(t, s.SystemRequestSync(trace.With(t.Context(), spanA), src.ID, crontopus.TriggerWebhook, t0))
		require.NoError(t, s.SystemRequestSync(trace.With(t.Context(), spanB), src.ID, crontopus.TriggerWebhook, t0))
		require.Equal(t, spanA, w.get("ops").RequestedTrace)
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "me", t0))
		require.NoError(t, s.SystemAbandonSync(t.Context(), src.ID, "me", t0))
		require.Equal(t, spanA, w.get("ops").RequestedTrace, "whoever goes on with it")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "you", t0))
		w.finishAs(src, "you")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "me", t0))
		require.Empty(t, w.get("ops").RequestedTrace, "a poll is on nobody's behalf")
	},
	"a mark tells on whose behalf, until it is cleared": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a, src := w.agent("db-01"), w.source("ops")
		require.Equal(t, []string{""}, w.spans())
		o := w.outcome(src, "backup")
		o.Mark = []string{a.ID, "nobody"}
		require.NoError(t, s.FinishSync(trace.With(t.Context(), spanA), here, src.ID, o))
		require.Equal(t, []string{spanA}, w.spans())
		require.NoError(t, s.SystemMarkAll(t.Context()))
		require.Equal(t, []string{spanA}, w.spans(), "another reason does not take it away")
		o = w.outcome(src, "report")
		o.Mark = []string{a.ID}
		require.NoError(t, s.FinishSync(trace.With(t.Context(), spanB), here, src.ID, o))
		require.Equal(t, []string{spanB}, w.spans(), "the newest is what will be published")
		w.publishMarked()
		require.NoError(t, s.SystemMarkAll(t.Context()))
		require.Equal(t, []string{""}, w.spans())
	},
	"agents that changed since the plan was made are marked on the sync's behalf, too": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.agent("db-01")
		w.publishMarked()
		o := w.outcome(src, "backup") // whose plan knows of no agent
		require.NoError(t, s.FinishSync(trace.With(t.Context(), spanA), here, src.ID, o))
		require.Equal(t, []string{spanA}, w.spans())
	},
	"a bundle tells in which span it was compiled": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		p := bundle(a, 1, "d1")
		p.Trace = spanA
		require.NoError(t, w.commit(0, p))
		got, err := s.Publication(t.Context(), here, a.ID)
		require.NoError(t, err)
		require.Equal(t, p, got)
		p.Trace = ""
		require.NoError(t, w.commit(0, p))
		got, err = s.Publication(t.Context(), here, a.ID)
		require.NoError(t, err)
		require.Empty(t, got.Trace, "a fresh signature is not part of it")
	},
}
