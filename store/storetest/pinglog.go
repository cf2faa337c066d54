package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// ends records the end of the last run without a name, with what it says.
func (p pinging) ends(said string) {
	p.t.Helper()
	require.NoError(p.t, p.r.RecordPing(p.t.Context(), crontopus.Ping{Tenant: here, URL: p.url, Unnamed: true,
		CheckIns: []crontopus.CheckIn{{Job: named("backup"), Event: crontopus.EventSuccess, At: lately.Add(time.Minute), Output: []byte(said)}}}))
}

// output is what the newest run has said.
func (p pinging) output() string {
	p.t.Helper()
	run, err := p.s.Run(p.t.Context(), here, p.runs()[0].ID)
	require.NoError(p.t, err)
	return string(run.Output)
}

var pingLogCases = cases{
	"what a run logs on its way stands before what it ends with": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately)
		require.NoError(t, p.log("a third"))
		require.NoError(t, p.log("two thirds\n"))
		require.NoError(t, p.log(""))
		require.Equal(t, "a third\ntwo thirds\n", p.output())
		states, _ := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunRunning}, states)
		p.ends("done")
		require.Equal(t, "a third\ntwo thirds\ndone", p.output())
		require.NoError(t, p.log("too late"))
		p.ends("again")
		require.Equal(t, "again", p.output())
		require.Len(t, p.runs(), 2, "no run is one that only a log was heard of")
	},
	"a run that ends without a word keeps what it logged": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately)
		require.NoError(t, p.log("halfway"))
		p.ends("")
		require.Equal(t, "halfway", p.output())
	},
	"a log where no run goes on is nobody's": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		require.NoError(t, p.log("halfway"))
		require.Empty(t, p.runs())
		p.ping(crontopus.EventStart, lately)
		require.Empty(t, p.output())
	},
	"a log belongs to the run that it names, and to no agent's": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		url, err := s.EnsurePingURL(t.Context(), here, named("backup"))
		require.NoError(t, err)
		mine, other, agents := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventStart)
		w.record("", mine, other)
		w.record(a.ID, agents)
		log := func(run string, job crontopus.JobName) error {
			return s.LogPing(t.Context(), here, crontopus.Ping{URL: url}, crontopus.CheckIn{Job: job, RunID: run, Output: []byte("halfway")})
		}
		for _, run := range []string{mine.RunID, agents.RunID, "019ab000-0000-7000-8000-00000000abcd"} {
			require.NoError(t, log(run, named("backup")))
		}
		requireCode(t, crontopus.CodeNotFound, log(mine.RunID, named("nothing")))
		for run, said := range map[string]string{mine.RunID: "halfway", other.RunID: "", agents.RunID: ""} {
			got, err := s.Run(t.Context(), here, run)
			require.NoError(t, err)
			require.Equal(t, said, string(got.Output))
		}
	},
	"of a run that logs much the last is kept": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately)
		for range 11 {
			require.NoError(t, p.log(strings.Repeat("x", 10_000)))
		}
		require.NoError(t, p.log("nearly done"))
		require.Len(t, p.output(), int(crontopus.MaxCaptureOutput))
		p.ends("done")
		require.Len(t, p.output(), int(crontopus.MaxCaptureOutput))
		require.True(t, strings.HasSuffix(p.output(), "x\nnearly done\ndone"))
	},
}
