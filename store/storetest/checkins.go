package storetest

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// running is a tenant whose agent db-01 runs production/backup, while production/report
// is nobody's.
func running(t testing.TB, s *store.Store) (world, crontopus.Agent) {
	w := newWorld(t, s, here)
	a := w.agent("db-01")
	w.sync(w.source("ops"), "backup", "report")
	w.publish(a, 1, "backup")
	return w, a
}

// refusal returns the code of the one check-in's own error.
func (w world) refusal(agentID string, c crontopus.CheckIn) string {
	results, err := w.s.RecordCheckIns(w.t.Context(), w.tenant, agentID, []crontopus.CheckIn{c})
	require.NoError(w.t, err)
	require.Len(w.t, results, 1)
	return crontopus.ErrorCode(results[0])
}

// runs returns all runs, the newest first.
func (w world) runs() []crontopus.Run {
	list, _, err := w.s.Runs(w.t.Context(), w.tenant, crontopus.RunFilter{}, crontopus.Page{Limit: 1000})
	require.NoError(w.t, err)
	return list
}

var checkInCases = cases{
	"each of a batch has its own answer": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		results, err := s.RecordCheckIns(t.Context(), here, a.ID, []crontopus.CheckIn{
			checkIn("backup", crontopus.EventSuccess), checkIn("report", crontopus.EventSuccess),
			checkIn("nothing", crontopus.EventSuccess), checkIn("backup", "sneezed"), checkIn("backup", crontopus.EventStart)})
		require.NoError(t, err)
		var codes []string
		for _, err := range results {
			codes = append(codes, crontopus.ErrorCode(err))
		}
		require.Equal(t, []string{"", crontopus.CodeForbidden, crontopus.CodeNotFound, crontopus.CodeInvalid, ""}, codes)
		require.Len(t, w.runs(), 2)
	},
	"first and later words of runs share a batch": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		due := t0.Add(-time.Hour)
		known, scheduled, fresh, twice := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventStart),
			checkIn("backup", crontopus.EventSuccess), checkIn("backup", crontopus.EventStart)
		scheduled.ScheduledFor = &due
		w.record(a.ID, known, scheduled)
		known.Event = crontopus.EventFailure
		again := checkIn("backup", crontopus.EventSuccess) // under another id, for the same instant
		again.ScheduledFor = &due
		ends, otherJob := twice, fresh
		ends.Event, otherJob.Job = crontopus.EventSuccess, named("report")
		results, err := s.RecordCheckIns(t.Context(), here, a.ID, []crontopus.CheckIn{twice, known, fresh, again, ends, otherJob})
		require.NoError(t, err)
		require.Equal(t, []error{nil, nil, nil, nil, nil}, results[:5])
		require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(results[5]))
		states := map[string]crontopus.RunState{}
		for _, r := range w.runs() {
			states[r.ID] = r.State
		}
		require.Equal(t, map[string]crontopus.RunState{known.RunID: crontopus.RunFailed, scheduled.RunID: crontopus.RunSucceeded,
			fresh.RunID: crontopus.RunSucceeded, twice.RunID: crontopus.RunSucceeded}, states)
	},
	"who was refused is heard once a bundle has the job": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		c := checkIn("report", crontopus.EventSuccess)
		require.Equal(t, crontopus.CodeForbidden, w.refusal(a.ID, c))
		w.publish(a, 2, "backup", "report")
		w.record(a.ID, c)
		other := w.agent("db-02")
		require.Equal(t, crontopus.CodeForbidden, w.refusal(other.ID, checkIn("report", crontopus.EventSuccess)), "what one may, another may not")
		require.Len(t, w.runs(), 1)
	},
	"an API key reports for any job of the tenant": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		w.record("", checkIn("report", crontopus.EventSuccess))
		require.Equal(t, crontopus.CodeNotFound, w.refusal("", checkIn("nothing", crontopus.EventSuccess)))
		require.Empty(t, w.runs()[0].Agent)
	},
	"a job that was removed still takes its late check-ins": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		w.sync(w.get("ops"))
		w.publish(a, 2)
		w.record(a.ID, checkIn("backup", crontopus.EventSuccess))
		w.record("", checkIn("report", crontopus.EventSuccess))
		require.NoError(t, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		require.NoError(t, s.DropSource(t.Context(), here, w.get("ops").ID, nil))
		w.record(a.ID, checkIn("backup", crontopus.EventSuccess))
		require.Len(t, w.runs(), 3, "and keeps its runs")
	},
	"the other job's or agent's run id is never merged": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		w.publish(a, 2, "backup", "report")
		b := w.agent("db-02")
		w.publish(b, 1, "backup")
		first := checkIn("backup", crontopus.EventStart)
		w.record(a.ID, first)
		otherJob := first
		otherJob.Job, otherJob.Event = named("report"), crontopus.EventFailure
		require.Equal(t, crontopus.CodeInvalid, w.refusal(a.ID, otherJob))
		first.Event = crontopus.EventFailure
		require.Equal(t, crontopus.CodeInvalid, w.refusal(b.ID, first))
		require.Equal(t, crontopus.CodeInvalid, w.refusal("", first))
		require.Len(t, w.runs(), 1)
		require.Equal(t, crontopus.RunRunning, w.runs()[0].State)
	},
	"a schedule starts one run for a job, an agent and an instant": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		due := t0.Add(-time.Second)
		start, end := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventSuccess)
		start.ScheduledFor, end.ScheduledFor = &due, &due
		w.record(a.ID, start, end)
		require.Len(t, w.runs(), 1)
		require.Equal(t, start.RunID, w.runs()[0].ID)
		require.Equal(t, crontopus.RunSucceeded, w.runs()[0].State)

		b := w.agent("db-02")
		w.publish(b, 1, "backup")
		w.record(b.ID, end)
		require.Len(t, w.runs(), 2, "another agent's is another run")
		later := due.Add(time.Minute)
		end.RunID, end.ScheduledFor = uuid.NewString(), &later
		w.record(a.ID, end)
		require.Len(t, w.runs(), 3)
	},
	"a run that learns too late when it was due": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		due := t0.Add(-time.Second)
		known, byHand := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventStart)
		known.ScheduledFor = &due
		w.record(a.ID, known, byHand)
		byHand.ScheduledFor, byHand.Event = &due, crontopus.EventSuccess
		w.record(a.ID, byHand)
		got, err := s.Run(t.Context(), here, byHand.RunID)
		require.NoError(t, err)
		require.Nil(t, got.ScheduledFor, "another run has that instant")
		require.Equal(t, crontopus.RunSucceeded, got.State)
	},
	"API keys may report several runs of one instant": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		for range 2 { // two hosts, say
			c := checkIn("backup", crontopus.EventSuccess)
			c.ScheduledFor = &t0
			w.record("", c)
		}
		require.Len(t, w.runs(), 2)
	},
	"what is too long is cut": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		c := checkIn("backup", crontopus.EventFailure)
		c.Output = append(bytes.Repeat([]byte("x"), 200<<10), "the end"...)
		c.Message = strings.Repeat("ä", 10_000) + "\xff"
		w.record(a.ID, c)
		got, err := s.Run(t.Context(), here, c.RunID)
		require.NoError(t, err)
		require.Len(t, got.Output, 100<<10)
		require.True(t, bytes.HasSuffix(got.Output, []byte("the end")), "the tail is what matters")
		require.Equal(t, strings.Repeat("ä", 2<<10), got.Message)
	},
	"text that an engine may not take is made so": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		c := checkIn("backup", crontopus.EventFailure)
		c.Message, c.Output = "a\x00b\xffc", []byte("\x00\xff")
		w.record(a.ID, c)
		got, err := s.Run(t.Context(), here, c.RunID)
		require.NoError(t, err)
		require.Equal(t, "a\ufffdb\ufffdc", got.Message)
		require.Equal(t, []byte("\x00\xff"), got.Output, "bytes stay bytes")
	},
	"check-ins that cannot be": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		early, far, exit := time.Time{}, time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), math.MinInt32-1
		for name, change := range map[string]func(*crontopus.CheckIn){
			"no run id":            func(c *crontopus.CheckIn) { c.RunID = "" },
			"a run id in braces":   func(c *crontopus.CheckIn) { c.RunID = "{" + c.RunID + "}" },
			"a path as run id":     func(c *crontopus.CheckIn) { c.RunID = "../../../../../../../../../etc/passwd" },
			"no event":             func(c *crontopus.CheckIn) { c.Event = "" },
			"a negative attempt":   func(c *crontopus.CheckIn) { c.Attempt = -1 },
			"an attempt too many":  func(c *crontopus.CheckIn) { c.Attempt = math.MaxInt },
			"an impossible exit":   func(c *crontopus.CheckIn) { c.ExitCode = &exit },
			"no time":              func(c *crontopus.CheckIn) { c.At = early },
			"a time beyond JSON":   func(c *crontopus.CheckIn) { c.At = far },
			"a retry of a success": func(c *crontopus.CheckIn) { c.RetryAt = &c.At },
			"due before all times": func(c *crontopus.CheckIn) { c.ScheduledFor = &early },
		} {
			c := checkIn("backup", crontopus.EventSuccess)
			change(&c)
			require.Equal(t, crontopus.CodeInvalid, w.refusal(a.ID, c), name)
		}
		require.Empty(t, w.runs())
	},
	"a job's name that no job can have": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		for _, name := range []string{"", "a\x00b", "\xff", "'; DROP TABLE runs; --"} {
			c := checkIn("backup", crontopus.EventSuccess)
			c.Job.Name = name
			require.Equal(t, crontopus.CodeNotFound, w.refusal(a.ID, c), "%q", name)
		}
	},
	"a run id is one in any case": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		c := checkIn("backup", crontopus.EventStart)
		w.record(a.ID, c)
		c.RunID, c.Event = strings.ToUpper(c.RunID), crontopus.EventSuccess
		w.record(a.ID, c)
		require.Len(t, w.runs(), 1)
	},
	"an empty batch": func(t *testing.T, s *store.Store) {
		results, err := s.RecordCheckIns(t.Context(), here, "", nil)
		require.NoError(t, err)
		require.Empty(t, results)
	},
	"the same batch from sixteen senders at once is one run": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		start := checkIn("backup", crontopus.EventStart)
		end := start
		end.Event = crontopus.EventSuccess
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if _, err := s.RecordCheckIns(t.Context(), here, a.ID, []crontopus.CheckIn{end, start}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Len(t, w.runs(), 1)
		require.Equal(t, crontopus.RunSucceeded, w.runs()[0].State)
	},
	"any order, any doubling and any batches end in the same runs": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		next := t0
		rapid.Check(t, func(rt *rapid.T) {
			next = next.Add(time.Minute) // one instant is one run
			due := next
			one := func(event crontopus.Event, attempt int) crontopus.CheckIn {
				return crontopus.CheckIn{Job: named("backup"), Event: event, ScheduledFor: &due, Attempt: attempt,
					At: due.Add(time.Duration(attempt)*time.Minute + time.Duration(len(event))*time.Second), Message: string(event)}
			}
			id, three := uuid.NewString(), 3
			all := []crontopus.CheckIn{one(crontopus.EventStart, 1), one(crontopus.EventFailure, 1), one(crontopus.EventStart, 2)}
			all[1].RetryAt, all[1].ExitCode, all[1].Output = &all[2].At, &three, []byte("disk full")
			if rapid.Bool().Draw(rt, "the end is known") {
				all = append(all, one(crontopus.EventSuccess, 2))
			} else if rapid.Bool().Draw(rt, "the second attempt is on its way") {
				all = all[:2]
			}
			for i := range all {
				all[i].RunID = id
			}
			want := crontopus.NewRun(all[0], "db-01")
			for _, c := range all[1:] {
				want.Apply(c)
			}
			rest := append(rapid.Permutation(all).Draw(rt, "order"), rapid.SliceOf(rapid.SampledFrom(all)).Draw(rt, "again")...)
			for len(rest) > 0 {
				n := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
				w.record(a.ID, rest[:n]...)
				rest = rest[n:]
			}
			got, err := s.Run(t.Context(), here, id)
			require.NoError(rt, err)
			require.Equal(rt, want, got)
		})
	},
}
