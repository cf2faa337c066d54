package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// ran records n runs of a job, a minute apart, the first at a time.
func (w world) ran(job string, n int, first time.Time) {
	list := make([]crontopus.CheckIn, n)
	for i := range list {
		list[i] = checkIn(job, crontopus.EventSuccess)
		list[i].RunID, list[i].At = uuid.NewString(), first.Add(time.Duration(i)*time.Minute)
	}
	w.record("", list...)
}

var retentionCases = cases{
	"what is too old goes, however much it is": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		w.ran("backup", 1203, t0.Add(-48*time.Hour)) // more than two batches
		w.ran("backup", 3, t0)
		n, err := s.SystemPruneRuns(t.Context(), t0, 0)
		require.NoError(t, err)
		require.EqualValues(t, 1203, n)
		require.Len(t, w.runs(), 3)
		n, err = s.SystemPruneRuns(t.Context(), t0, 0)
		require.NoError(t, err)
		require.Zero(t, n)
	},
	"each job keeps its newest": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		w.ran("backup", 9, t0)
		w.ran("report", 4, t0.Add(-time.Hour))
		n, err := s.SystemPruneRuns(t.Context(), time.Time{}, 4)
		require.NoError(t, err)
		require.EqualValues(t, 5, n)
		backup, report := named("backup"), named("report")
		kept, _, err := s.Runs(t.Context(), here, crontopus.RunFilter{Job: &backup}, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, kept, 4)
		require.Equal(t, t0.Add(8*time.Minute), kept[0].Finished.UTC())
		kept, _, err = s.Runs(t.Context(), here, crontopus.RunFilter{Job: &report}, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, kept, 4)
	},
	"without limits nothing goes": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		w.ran("backup", 3, t0.AddDate(-10, 0, 0))
		n, err := s.SystemPruneRuns(t.Context(), time.Time{}, 0)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Len(t, w.runs(), 3)
	},
	"every tenant's old runs go, and only those": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		w.ran("backup", 2, t0.Add(-time.Hour))
		other := newWorld(t, s, there)
		other.sync(other.source("ops"), "backup")
		other.ran("backup", 2, t0.Add(-time.Hour))
		other.ran("backup", 1, t0)
		n, err := s.SystemPruneRuns(t.Context(), t0, 0)
		require.NoError(t, err)
		require.EqualValues(t, 4, n)
		require.Empty(t, w.runs())
		require.Len(t, other.runs(), 1)
	},
}
