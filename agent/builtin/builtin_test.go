package builtin_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/agent/builtin"
)

// clockwork is a builtin scheduler in a synctest bubble, whose clock stands at
// 2000-01-01 00:00:00 UTC when it begins.
type clockwork struct {
	*builtin.Scheduler
	state agent.State
	shift time.Duration // added to the bubble's clock; guarded by mu

	mu     sync.Mutex
	begun  []string      // "15:04:05 job", as they were started; guarded by mu
	finish chan struct{} // runs last until it is closed
}

func newClockwork(state agent.State) *clockwork {
	c := &clockwork{state: state, finish: make(chan struct{})}
	close(c.finish)
	c.Scheduler = builtin.New(state, c.execute, c.now, slog.New(slog.DiscardHandler))
	return c
}

func (c *clockwork) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.shift)
}

func (c *clockwork) execute(_ context.Context, job crontopus.JobName, byHand bool) (int, error) {
	now := c.now().UTC().Format("15:04:05 ")
	c.mu.Lock()
	c.begun = append(c.begun, now+job.Name)
	finish := c.finish
	c.mu.Unlock()
	<-finish
	return 0, nil
}

func (c *clockwork) set(shift time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift = shift
}

// started returns what was started since it was last asked.
func (c *clockwork) started() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := c.begun
	c.begun = nil
	return begun
}

// run runs the scheduler and returns what ends it.
func (c *clockwork) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func (c *clockwork) apply(t *testing.T, jobs map[string]string) {
	t.Helper()
	var entries []agent.Native
	for name, schedule := range jobs {
		job := &crontopus.Job{Metadata: crontopus.Metadata{Name: name}, Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{schedule}}}
		job.SetDefaults()
		entry, err := c.Render(job)
		require.NoError(t, err)
		entries = append(entries, entry)
	}
	require.NoError(t, c.Apply(t.Context(), entries))
}

func bubble(t *testing.T, f func(t *testing.T, c *clockwork)) {
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	synctest.Test(t, func(t *testing.T) { f(t, newClockwork(state)) })
}

func TestJobsStartWhenTheyAreDue(t *testing.T) {
	bubble(t, func(t *testing.T, c *clockwork) {
		defer c.run(t)()
		c.apply(t, map[string]string{"five": "*/5 * * * *", "hour": "2 * * * *"})
		require.ElementsMatch(t, []string{"00:00:00 five", "00:00:00 hour"}, c.started(), "each is asked at once what it missed")
		time.Sleep(12 * time.Minute)
		require.Equal(t, []string{"00:02:00 hour", "00:05:00 five", "00:10:00 five"}, c.started())
	})
}

func TestANewBundleTakesEffectAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *clockwork) {
		defer c.run(t)()
		c.apply(t, map[string]string{"a": "10 * * * *", "b": "10 * * * *"})
		c.started()
		time.Sleep(time.Minute)
		c.apply(t, map[string]string{"a": "3 * * * *", "c": "10 * * * *"})
		require.Empty(t, c.started())
		time.Sleep(20 * time.Minute)
		require.Equal(t, []string{"00:03:00 a", "00:10:00 c"}, c.started())
		c.apply(t, nil)
		time.Sleep(24 * time.Hour)
		require.Empty(t, c.started())
	})
}

func TestAClockThatIsSet(t *testing.T) {
	bubble(t, func(t *testing.T, c *clockwork) {
		defer c.run(t)()
		c.apply(t, map[string]string{"a": "0 * * * *"})
		time.Sleep(30 * time.Minute)
		c.started()
		c.set(2 * time.Hour) // 02:30: two instants were jumped over, one start asks for them
		time.Sleep(time.Minute)
		require.Len(t, c.started(), 1)
		time.Sleep(40 * time.Minute)
		require.Equal(t, []string{"03:00:00 a"}, c.started())
		c.set(-20 * time.Minute) // far back, from 03:11 to 00:51: planned anew, not in hours
		time.Sleep(20 * time.Minute)
		require.Equal(t, []string{"01:00:00 a"}, c.started())
	})
}

func TestALongRunHoldsNothingUpAndIsWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, c *clockwork) {
		stop := c.run(t)
		c.apply(t, map[string]string{"long": "@reboot", "other": "* * * * *"})
		c.started()
		c.mu.Lock()
		c.finish = make(chan struct{})
		c.mu.Unlock()
		time.Sleep(150 * time.Second)
		require.Equal(t, []string{"00:01:00 other", "00:02:00 other"}, c.started())

		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			require.Fail(t, "it left runs behind")
		default:
		}
		close(c.finish)
		<-stopped
		require.Empty(t, c.started())
	})
}

func TestWhatItHoldsSurvivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T, c *clockwork) {
		observed, err := c.Observe(t.Context())
		require.NoError(t, err)
		require.Empty(t, observed.Entries)

		policy := agent.NewPolicy(agent.Rules{}, 1000)
		bundle := &crontopus.Bundle{Epoch: 1, Generation: 1}
		job := crontopus.Job{Metadata: crontopus.Metadata{Name: "a"}, Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{"0 * * * *", "30 1 * * *"}, Timezone: "Europe/Berlin", Run: crontopus.RunSpec{Command: []string{"true"}}}}
		job.SetDefaults()
		bundle.Jobs = []crontopus.Job{job}
		r := agent.Reconciler{State: c.state, Scheduler: c, Now: c.now, Log: slog.New(slog.DiscardHandler)}
		_, err = r.Reconcile(t.Context(), bundle, policy)
		require.NoError(t, err)

		again := newClockwork(c.state)
		observed, err = again.Observe(t.Context())
		require.NoError(t, err)
		require.Equal(t, []agent.Native{{Job: job.Name(), Text: "Europe/Berlin\n0 * * * *\n30 1 * * *"}}, observed.Entries)
		r.Scheduler = again
		out, err := r.Reconcile(t.Context(), bundle, policy)
		require.NoError(t, err)
		require.Empty(t, out.Drift, "a restart is no drift")
	})
}

func TestAJobThatCannotBeScheduled(t *testing.T) {
	c := newClockwork(agent.State{Dir: t.TempDir()})
	require.Equal(t, "builtin", c.Name())
	_, err := c.Render(&crontopus.Job{Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{"0 0 31 2 *"}, Timezone: "UTC"}})
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
}

func TestTheHostsZoneIsThatOfTheProcess(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo") // as containers are told where they are
	c := newClockwork(agent.State{Dir: t.TempDir()})
	require.Equal(t, "Asia/Tokyo", c.HostZone())
	require.Equal(t, c.HostZone(), agent.ZoneOf(c.Name()), "and so for the runs that it starts")
}

func TestHAndTheLastDayAreKeptToTheMinute(t *testing.T) {
	bubble(t, func(t *testing.T, c *clockwork) {
		defer c.run(t)()
		c.apply(t, map[string]string{"hashed": "H(1-5) 0 1 * *", "last": "30 0 L * *", "third": "0 4 * * mon#3"})
		c.started()
		time.Sleep(31 * 24 * time.Hour)
		require.Equal(t, []string{"00:03:00 hashed", "04:00:00 third", "00:30:00 last"}, c.started())
	})
}
