package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var runCases = cases{
	"a start and an end make one run": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		w.sync(w.source("ops"), "backup")
		w.publish(a, 1, "backup")

		start, code := checkIn("backup", crontopus.EventStart), 3
		end := start
		end.Event, end.At, end.ExitCode, end.Output, end.Message, end.Revision =
			crontopus.EventFailure, t0.Add(4*time.Second), &code, []byte("disk full"), "exit 3", "main@sha1:1"
		w.record(a.ID, start)
		w.record(a.ID, end)

		want := crontopus.NewRun(start, "db-01")
		want.Apply(end)
		got, err := s.Run(t.Context(), here, start.RunID)
		require.NoError(t, err)
		require.Equal(t, want, got)

		list, next, err := s.Runs(t.Context(), here, crontopus.RunFilter{}, crontopus.Page{})
		require.NoError(t, err)
		require.Empty(t, next)
		want.Output = nil
		require.Equal(t, []crontopus.Run{want}, list, "a list shows no output")
		last, err := s.LastRuns(t.Context(), here, []crontopus.JobName{named("backup"), named("other")})
		require.NoError(t, err)
		require.Equal(t, map[crontopus.JobName]crontopus.Run{named("backup"): want}, last)
	},
}
