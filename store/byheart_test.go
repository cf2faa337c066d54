package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/token"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// pinged is a store, and where its jobs are pinged.
type pinged struct {
	s    *store.Store
	r    *store.Recorder
	jobs []storetest.PingJob
	keys []string
	runs []string // that were begun by their names
}

func newPinged(t *testing.T) *pinged {
	s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	p := &pinged{s: s, r: store.NewRecorder(s), jobs: storetest.PingJobs(t, s, crontopus.DefaultTenant, 2)}
	start(t, p.r)
	return p
}

// pingStep is one thing that happens to a pinged store.
type pingStep struct {
	What string
	Job  int
	Key  bool
	At   time.Time
}

// do returns what the step was answered.
func (p *pinged) do(t *rapid.T, step pingStep) error {
	ctx, here, job := t.Context(), crontopus.DefaultTenant, &p.jobs[step.Job]
	ping := crontopus.Ping{Tenant: here, URL: job.URL, Unnamed: true}
	if step.Key && len(p.keys) > 0 {
		ping.URL, ping.Key = "", p.keys[len(p.keys)-1]
	}
	c := crontopus.CheckIn{Job: job.Job, Event: crontopus.Event(step.What), At: step.At}
	switch step.What {
	case "rotate":
		old := job.URL
		id, err := p.s.RotatePingURL(ctx, here, "key/test", job.Job)
		require.NoError(t, err)
		job.URL = id
		ping.URL, ping.Key, c.Event = old, "", crontopus.EventSuccess
		ping.CheckIns = []crontopus.CheckIn{c}
		return p.r.RecordPing(ctx, ping) // by the old one
	case "new key":
		k := crontopus.PingKey{Tenant: here, ID: fmt.Sprintf("key-%d", len(p.keys)), Namespace: job.Job.Namespace, CreatedAt: step.At}
		p.keys = append(p.keys, k.ID)
		return p.s.CreatePingKey(ctx, here, "key/test", k, token.Hash(k.ID))
	case "revoke":
		if len(p.keys) == 0 {
			return nil
		}
		return p.s.RevokePingKey(ctx, here, "key/test", p.keys[len(p.keys)-1])
	case "log":
		c.Event, c.Output = "", []byte("said\n")
		return p.s.LogPing(ctx, here, ping, c)
	case "named start":
		p.runs = append(p.runs, uuid.NewString())
		c.RunID, c.Event = p.runs[len(p.runs)-1], crontopus.EventStart
		_, err := p.r.RecordCheckIns(ctx, here, "", []crontopus.CheckIn{c})
		return err
	}
	ping.CheckIns = []crontopus.CheckIn{c}
	return p.r.RecordPing(ctx, ping)
}

// told are the runs, without their names.
func (p *pinged) told(t *rapid.T) (runs []crontopus.Run) {
	runs, _, err := p.s.Runs(t.Context(), crontopus.DefaultTenant, crontopus.RunFilter{Namespace: p.jobs[0].Job.Namespace}, crontopus.Page{Limit: 500})
	require.NoError(t, err)
	for i := range runs {
		run, err := p.s.Run(t.Context(), crontopus.DefaultTenant, runs[i].ID)
		require.NoError(t, err)
		run.ID = ""
		runs[i] = run
	}
	return runs
}

// A server that knows by heart which pings are good, and of which jobs nothing goes on, answers and keeps what one
// does that asks for each.
func TestWhatIsKnownByHeartIsTrue(t *testing.T) {
	knows, asks := newPinged(t), newPinged(t)
	store.KnowNothing(asks.s)
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			at = at.Add(time.Millisecond)
			step := pingStep{
				What: rapid.SampledFrom([]string{"start", "success", "success", "failure", "log", "named start", "rotate", "new key", "revoke"}).Draw(t, "what"),
				Job:  rapid.IntRange(0, 1).Draw(t, "job"),
				Key:  rapid.Bool().Draw(t, "by key"),
				At:   at,
			}
			one, other := knows.do(t, step), asks.do(t, step)
			require.Equal(t, crontopus.ErrorCode(other), crontopus.ErrorCode(one), step.What)
		}
		require.Equal(t, asks.told(t), knows.told(t))
	})
}

// heartBeside is a store that knows by heart and one that asks, whose clock is the same.
func heartBeside(t *testing.T, now func() time.Time) (knows, asks *pinged) {
	open := func() *pinged {
		o := options(t, filepath.Join(t.TempDir(), "crontopus.db"))
		o.Now = now
		s, err := store.Open(t.Context(), o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		storetest.Furnish(t, s, crontopus.DefaultTenant)
		p := &pinged{s: s, r: store.NewRecorder(s), jobs: storetest.PingJobs(t, s, crontopus.DefaultTenant, 1)}
		start(t, p.r)
		return p
	}
	knows, asks = open(), open()
	store.KnowNothing(asks.s)
	return knows, asks
}

func (p *pinged) named(t *testing.T, id string, event crontopus.Event, at time.Time) {
	c := crontopus.CheckIn{RunID: id, Job: p.jobs[0].Job, Event: event, At: at}
	require.NoError(t, p.r.RecordPing(t.Context(), crontopus.Ping{Tenant: crontopus.DefaultTenant, URL: p.jobs[0].URL, CheckIns: []crontopus.CheckIn{c}}))
}

func (p *pinged) unnamed(t *testing.T, event crontopus.Event, at time.Time) {
	c := crontopus.CheckIn{Job: p.jobs[0].Job, Event: event, At: at}
	require.NoError(t, p.r.RecordPing(t.Context(), crontopus.Ping{Tenant: crontopus.DefaultTenant, URL: p.jobs[0].URL, Unnamed: true, CheckIns: []crontopus.CheckIn{c}}))
}

// running tells how many runs of the job go on.
func (p *pinged) running(t *testing.T) int {
	runs, _, err := p.s.Runs(t.Context(), crontopus.DefaultTenant, crontopus.RunFilter{Job: &p.jobs[0].Job, State: crontopus.RunRunning}, crontopus.Page{Limit: 500})
	require.NoError(t, err)
	return len(runs)
}

// An end finds no start that many later ones hide, which go on; when those have ended it does.
func TestAStartThatManyOthersHidIsNotForgotten(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	knows, asks := heartBeside(t, time.Now)
	for _, p := range []*pinged{knows, asks} {
		var ids []string
		p.unnamed(t, crontopus.EventStart, at)
		for i := range 20 {
			ids = append(ids, uuid.NewString())
			p.named(t, ids[i], crontopus.EventStart, at.Add(time.Second))
		}
		p.unnamed(t, crontopus.EventSuccess, at.Add(2*time.Second)) // of none that is found
		for _, id := range ids {
			p.named(t, id, crontopus.EventSuccess, at.Add(3*time.Second))
		}
		p.unnamed(t, crontopus.EventSuccess, at.Add(4*time.Second))
	}
	require.Zero(t, asks.running(t))
	require.Zero(t, knows.running(t))
}

// A clock that was days ahead for a moment hides a start only that long.
func TestAStartThatAWrongClockHidIsNotForgotten(t *testing.T) {
	now := time.Now()
	knows, asks := heartBeside(t, func() time.Time { return now })
	for _, p := range []*pinged{knows, asks} {
		right := now
		p.unnamed(t, crontopus.EventStart, now)
		now = now.Add(2 * crontopus.MaxPingPause)
		p.unnamed(t, crontopus.EventSuccess, now)
		now = right
		p.unnamed(t, crontopus.EventSuccess, now.Add(time.Second))
	}
	require.Zero(t, asks.running(t))
	require.Zero(t, knows.running(t))
}
