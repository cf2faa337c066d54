package storetest

import (
	"fmt"
	"slices"
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
	"the newest come first, page by page": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		var want []string
		for i := range 9 {
			c := checkIn("backup", crontopus.EventStart)
			c.At = t0.Add(time.Duration(i/3) * time.Second) // three at each instant
			c.RunID = fmt.Sprintf("00000000-0000-7000-8000-%012d", i)
			w.record(a.ID, c)
			want = append([]string{c.RunID}, want...)
		}
		var seen []string
		for page := (crontopus.Page{Limit: 2}); ; {
			list, next, err := s.Runs(t.Context(), here, crontopus.RunFilter{}, page)
			require.NoError(t, err)
			for _, run := range list {
				seen = append(seen, run.ID)
			}
			if page.After = next; next == "" {
				break
			}
			w.record(a.ID, checkIn("backup", crontopus.EventStart)) // at the newest instant or above
		}
		require.Subset(t, seen, want)
		require.Len(t, unique(seen), len(seen), "none twice")
	},
	"filters narrow, alone and together": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		b := w.agent("db-02")
		w.publish(a, 2, "backup", "report")
		w.publish(b, 1, "backup")
		early := checkIn("backup", crontopus.EventFailure)
		early.At = t0.Add(-time.Hour)
		w.record(a.ID, early, checkIn("backup", crontopus.EventSuccess), checkIn("report", crontopus.EventFailure))
		w.record(b.ID, checkIn("backup", crontopus.EventSuccess))
		backup := named("backup")
		for name, test := range map[string]struct {
			filter crontopus.RunFilter
			want   int
		}{
			"none":                   {crontopus.RunFilter{}, 4},
			"job":                    {crontopus.RunFilter{Job: &backup}, 3},
			"agent":                  {crontopus.RunFilter{Agent: "db-01"}, 3},
			"state":                  {crontopus.RunFilter{State: crontopus.RunFailed}, 2},
			"since":                  {crontopus.RunFilter{Since: t0}, 3},
			"until":                  {crontopus.RunFilter{Until: t0}, 1},
			"since and until":        {crontopus.RunFilter{Since: t0, Until: t0}, 0},
			"namespace":              {crontopus.RunFilter{Namespace: "production"}, 4},
			"another namespace":      {crontopus.RunFilter{Namespace: "staging"}, 0},
			"timed out":              {crontopus.RunFilter{State: crontopus.RunTimedOut}, 0},
			"all four":               {crontopus.RunFilter{Job: &backup, Agent: "db-01", State: crontopus.RunSucceeded, Since: t0}, 1},
			"an agent that is not":   {crontopus.RunFilter{Agent: "db-03"}, 0},
			"a hostile agent's name": {crontopus.RunFilter{Agent: "' OR 1=1 --"}, 0},
			"a state that is none":   {crontopus.RunFilter{State: "%s"}, 0},
		} {
			list, _, err := s.Runs(t.Context(), here, test.filter, crontopus.Page{})
			require.NoError(t, err, name)
			require.Len(t, list, test.want, name)
		}
	},
	"a host whose clock is ahead does not stay on top": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		ahead, later := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventStart)
		ahead.RunID, ahead.At = "00000000-0000-7000-8000-000000000001", time.Now().AddDate(1, 0, 0)
		w.record(a.ID, ahead)
		later.At = time.Now().Add(time.Hour) // the next to be recorded
		w.record(a.ID, later)
		require.Equal(t, later.RunID, w.runs()[0].ID)
	},
	"a run that ended before it began has no duration": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		start := checkIn("backup", crontopus.EventStart)
		end := start
		end.Event, end.At = crontopus.EventSuccess, t0.Add(-time.Second) // the clock was set back
		w.record(a.ID, start, end)
		require.Zero(t, w.runs()[0].Duration)
	},
	"a run that is not there": func(t *testing.T, s *store.Store) {
		_, err := s.Run(t.Context(), here, "00000000-0000-7000-8000-000000000001")
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"an agent's name shows although it was revoked": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		w.record(a.ID, checkIn("backup", crontopus.EventSuccess))
		_, err := s.RevokeAgent(t.Context(), here, actor, "db-01", t0)
		require.NoError(t, err)
		require.Equal(t, "db-01", w.runs()[0].Agent)
	},
}

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
