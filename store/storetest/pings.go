package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

func pingKey(id string) crontopus.PingKey {
	return crontopus.PingKey{ID: id, Tenant: here, Namespace: "production", CreatedAt: t0}
}

// lately is when jobs are pinged whose starts are not too old for their ends.
var lately = time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)

// pinging is a tenant whose job production/backup has a ping URL, and a recorder at work.
type pinging struct {
	world
	r   *store.Recorder
	url string
}

func newPinging(t *testing.T, s *store.Store) pinging {
	w, _ := running(t, s)
	r := store.NewRecorder(s)
	runRecorder(t, r)
	id, err := s.EnsurePingURL(t.Context(), here, named("backup"))
	require.NoError(t, err)
	return pinging{w, r, id}
}

// runRecorder has a recorder at work until the test ends or stop is called.
func runRecorder(t *testing.T, r *store.Recorder) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

// ping records one that names no run.
func (p pinging) ping(event crontopus.Event, at time.Time) {
	p.t.Helper()
	require.NoError(p.t, p.r.RecordPing(p.t.Context(), crontopus.Ping{Tenant: here, URL: p.url, Unnamed: true,
		CheckIns: []crontopus.CheckIn{{Job: named("backup"), Event: event, At: at}}}))
}

// log keeps what a ping says that names no run.
func (p pinging) log(said string) error {
	return p.s.LogPing(p.t.Context(), here, crontopus.Ping{URL: p.url, Unnamed: true}, crontopus.CheckIn{Job: named("backup"), Output: []byte(said)})
}

// states returns the states of all runs, the newest first, and how long each took.
func (p pinging) states() (states []crontopus.RunState, took []time.Duration) {
	for _, run := range p.runs() {
		states, took = append(states, run.State), append(took, run.Duration.Std())
	}
	return states, took
}

var pingCases = cases{
	"a job has one ping URL, the same however often it is asked for": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		again, err := s.EnsurePingURL(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Equal(t, p.url, again)
		require.Equal(t, uuid.Version(4), uuid.MustParse(p.url).Version(), "nothing but chance is in it")
		tenant, job, err := s.SystemPingURL(t.Context(), p.url)
		require.NoError(t, err)
		require.Equal(t, here, tenant)
		require.Equal(t, named("backup"), job)
		other, err := s.PingURL(t.Context(), here, named("report"))
		require.NoError(t, err)
		require.Empty(t, other)
		_, err = s.EnsurePingURL(t.Context(), here, named("nothing"))
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"a rotated URL is good for nothing, even for who still remembers it": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventSuccess, t0)
		next, err := s.RotatePingURL(t.Context(), here, actor, named("backup"))
		require.NoError(t, err)
		require.NotEqual(t, p.url, next)
		_, _, err = s.SystemPingURL(t.Context(), p.url)
		requireCode(t, crontopus.CodeNotFound, err)
		requireCode(t, crontopus.CodeNotFound, p.log("halfway"))
		requireCode(t, crontopus.CodeNotFound, p.r.RecordPing(t.Context(), crontopus.Ping{Tenant: here, URL: p.url, Unnamed: true,
			CheckIns: []crontopus.CheckIn{{Job: named("backup"), Event: crontopus.EventSuccess, At: t0}}}))
		require.Len(t, p.runs(), 1)
		p.url = next
		p.ping(crontopus.EventSuccess, t0)
		require.Len(t, p.runs(), 2)
		entries, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "job.rotate-ping", entries[0].Action)
		require.Equal(t, "production/backup", entries[0].Object)
		require.NotContains(t, entries[0].Detail, next, "whoever reads the log may not ping")
	},
	"a key checks in for the jobs of its namespace until it is revoked": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		require.NoError(t, s.CreatePingKey(t.Context(), here, actor, pingKey("p1"), hash("p1")))
		key, err := s.SystemPingKey(t.Context(), hash("p1"))
		require.NoError(t, err)
		require.Equal(t, pingKey("p1"), key)
		ping := func(job string) error {
			return p.r.RecordPing(t.Context(), crontopus.Ping{Tenant: here, Key: "p1", Unnamed: true,
				CheckIns: []crontopus.CheckIn{{Job: named(job), Event: crontopus.EventSuccess, At: t0}}})
		}
		require.NoError(t, ping("report"))
		requireCode(t, crontopus.CodeNotFound, ping("nothing"))
		check := func(job crontopus.JobName) error {
			return s.LogPing(t.Context(), here, crontopus.Ping{Key: "p1", Unnamed: true}, crontopus.CheckIn{Job: job, Output: []byte("halfway")})
		}
		require.NoError(t, check(named("report")))
		requireCode(t, crontopus.CodeNotFound, check(named("nothing")))
		requireCode(t, crontopus.CodeNotFound, check(crontopus.JobName{Namespace: "elsewhere", Name: "report"}))
		require.NoError(t, s.RevokePingKey(t.Context(), here, actor, "p1"))
		requireCode(t, crontopus.CodeNotFound, check(named("report")))
		require.NoError(t, s.RevokePingKey(t.Context(), here, actor, "p1"), "again")
		requireCode(t, crontopus.CodeNotFound, ping("report"))
		_, err = s.SystemPingKey(t.Context(), hash("p1"))
		requireCode(t, crontopus.CodeNotFound, err)
		require.Len(t, p.runs(), 1)
		list, _, err := s.PingKeys(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NotNil(t, list[0].RevokedAt)
		requireCode(t, crontopus.CodeNotFound, s.RevokePingKey(t.Context(), here, actor, "nobody"))
		k := pingKey("p2")
		k.Namespace = "not a namespace"
		requireCode(t, crontopus.CodeInvalid, s.CreatePingKey(t.Context(), here, actor, k, hash("p2")))
	},
	"a start and an end that name no run are one": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately)
		p.ping(crontopus.EventSuccess, lately.Add(time.Minute))
		states, took := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunSucceeded}, states)
		require.Equal(t, []time.Duration{time.Minute}, took)
		require.Equal(t, uuid.Version(7), uuid.MustParse(p.runs()[0].ID).Version())
	},
	"an end that comes days after a start is a run of its own": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately.Add(-crontopus.MaxPingPause))
		p.ping(crontopus.EventSuccess, lately)
		states, _ := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunSucceeded, crontopus.RunRunning}, states)
	},
	"each end that no start came before is a run": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately)
		for i := range 3 {
			p.ping(crontopus.EventFailure, lately.Add(time.Duration(1+i)*time.Second))
		}
		states, took := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunFailed, crontopus.RunFailed, crontopus.RunFailed}, states)
		require.Equal(t, []time.Duration{0, 0, time.Second}, took)
	},
	"an end belongs to the last of several starts": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		p.ping(crontopus.EventStart, lately)
		p.ping(crontopus.EventStart, lately.Add(time.Hour))
		p.ping(crontopus.EventSuccess, lately.Add(time.Hour+time.Second))
		states, took := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunSucceeded, crontopus.RunRunning}, states)
		require.Equal(t, []time.Duration{time.Second, 0}, took)
	},
	"an end that names no run ends none that was named": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		named := checkIn("backup", crontopus.EventStart)
		p.record("", named)
		p.ping(crontopus.EventSuccess, lately.Add(time.Second))
		states, _ := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunSucceeded, crontopus.RunRunning}, states)
		got, err := s.Run(t.Context(), here, named.RunID)
		require.NoError(t, err)
		require.Equal(t, crontopus.RunRunning, got.State)
	},
	"ends that come at once end a start each": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		for i := range 3 {
			p.ping(crontopus.EventStart, lately.Add(time.Duration(i)*time.Second))
		}
		together, answers := store.NewRecorder(s), make(chan error)
		for range 4 {
			go func() {
				answers <- together.RecordPing(t.Context(), crontopus.Ping{Tenant: here, URL: p.url, Unnamed: true,
					CheckIns: []crontopus.CheckIn{{Job: named("backup"), Event: crontopus.EventSuccess, At: lately.Add(time.Minute)}}})
			}()
		}
		require.Eventually(t, func() bool { return together.Waiting() == 4 }, 10*time.Second, time.Millisecond)
		runRecorder(t, together)
		for range 4 {
			require.NoError(t, <-answers)
		}
		_, took := p.states()
		require.ElementsMatch(t, []time.Duration{time.Minute, 59 * time.Second, 58 * time.Second, 0}, took)
	},
	"a ping with both ends is one run, or the end of the one that has begun": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		both := crontopus.Ping{Tenant: here, URL: p.url, Unnamed: true, CheckIns: []crontopus.CheckIn{
			{Job: named("backup"), Event: crontopus.EventSuccess, At: lately.Add(time.Minute)},
			{Job: named("backup"), Event: crontopus.EventStart, At: lately},
		}}
		require.NoError(t, p.r.RecordPing(t.Context(), both))
		p.ping(crontopus.EventStart, lately.Add(-time.Minute))
		require.NoError(t, p.r.RecordPing(t.Context(), both))
		states, took := p.states()
		require.Equal(t, []crontopus.RunState{crontopus.RunSucceeded, crontopus.RunSucceeded}, states)
		require.ElementsMatch(t, []time.Duration{time.Minute, 2 * time.Minute}, took)
	},
	"the reason of a run is kept": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		start, end := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventFailure)
		end.RunID, end.Reason = start.RunID, crontopus.ReasonOutOfMemory
		w.record(a.ID, start)
		w.record(a.ID, end)
		got, err := s.Run(t.Context(), here, start.RunID)
		require.NoError(t, err)
		require.Equal(t, crontopus.ReasonOutOfMemory, got.Reason)
		fresh := checkIn("backup", crontopus.EventSkipped)
		fresh.Reason = crontopus.ReasonPaused
		w.record(a.ID, fresh)
		require.ElementsMatch(t, []string{crontopus.ReasonOutOfMemory, crontopus.ReasonPaused}, []string{w.runs()[0].Reason, w.runs()[1].Reason})
	},
}

// PingJob is a job without an agent, and the id of its ping URL.
type PingJob struct {
	Job crontopus.JobName
	URL string
}

// PingJobs gives a tenant that Furnish made so many.
func PingJobs(t testing.TB, s *store.Store, tenant crontopus.TenantID, n int) []PingJob {
	w := world{t, s, tenant}
	src := w.source("pings")
	o := w.outcome(src)
	jobs := make([]PingJob, n)
	for i := range jobs {
		o.Desired.Jobs = append(o.Desired.Jobs, pingJob(src, fmt.Sprintf("ping-%d", i)))
	}
	require.NoError(t, s.FinishSync(t.Context(), tenant, src.ID, o))
	for i := range jobs {
		jobs[i].Job = o.Desired.Jobs[i].Job.Name()
		id, err := s.EnsurePingURL(t.Context(), tenant, jobs[i].Job)
		require.NoError(t, err)
		jobs[i].URL = id
	}
	return jobs
}
