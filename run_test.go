package crontopus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

var (
	t0   = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)
	job  = crontopus.JobName{Namespace: "production", Name: "backup"}
	code = func(n int) *int { return &n }
)

func checkIn(event crontopus.Event, attempt int, after time.Duration) crontopus.CheckIn {
	return crontopus.CheckIn{RunID: "r", Job: job, Event: event, ScheduledFor: &t0, At: t0.Add(after), Attempt: attempt}
}

func TestRunFromItsCheckIns(t *testing.T) {
	start, end := checkIn(crontopus.EventStart, 1, time.Second), checkIn(crontopus.EventFailure, 1, 4*time.Second)
	end.ExitCode, end.Output = code(3), []byte("disk full")
	for name, order := range map[string][]crontopus.CheckIn{
		"in order":           {start, end},
		"the end first":      {end, start},
		"each one twice":     {start, start, end, end},
		"a start after both": {start, end, start},
	} {
		t.Run(name, func(t *testing.T) {
			r := crontopus.NewRun(order[0], "db-01")
			for _, c := range order[1:] {
				r.Apply(c)
			}
			require.Equal(t, crontopus.RunFailed, r.State)
			require.Equal(t, 3, *r.ExitCode)
			require.Equal(t, 3*time.Second, r.Duration.Std())
			require.Equal(t, "disk full", string(r.Output))
			require.Equal(t, "db-01", r.Agent)
		})
	}
}

func TestRunOfSeveralAttempts(t *testing.T) {
	r := crontopus.NewRun(checkIn(crontopus.EventStart, 1, 0), "db-01")
	r.Apply(checkIn(crontopus.EventFailure, 1, time.Second))
	require.True(t, r.Ended())
	r.Apply(checkIn(crontopus.EventStart, 2, 10*time.Second))
	require.False(t, r.Ended(), "a second attempt reopens the run")
	r.Apply(checkIn(crontopus.EventSuccess, 2, 12*time.Second))
	r.Apply(checkIn(crontopus.EventFailure, 1, time.Second))
	require.Equal(t, crontopus.RunSucceeded, r.State, "late word of an earlier attempt changes nothing")
	require.Equal(t, 12*time.Second, r.Duration.Std(), "from the first start")
}

func TestRunThatIsToBeTriedAgainHasNotFailed(t *testing.T) {
	failed := retrying(1, time.Second)
	r := crontopus.NewRun(checkIn(crontopus.EventStart, 1, 0), "db-01")
	require.True(t, r.Apply(failed))
	require.False(t, r.Apply(failed), "once more tells nothing")
	require.Equal(t, crontopus.RunRunning, r.State)
	require.False(t, r.Ended())
	require.Nil(t, r.Finished)
	require.Equal(t, 3, *r.ExitCode, "how the attempt ended is told")
	require.False(t, failed.Final())

	given := checkIn(crontopus.EventFailure, 1, 5*time.Second) // it was stopped before the next attempt
	r.Apply(given)
	require.Equal(t, crontopus.RunFailed, r.State)
	require.False(t, r.Apply(failed))
	require.Equal(t, crontopus.RunFailed, r.State, "late word of a retry changes nothing")
}

// retrying is the end of an attempt that another is to follow.
func retrying(attempt int, after time.Duration) crontopus.CheckIn {
	c, next := checkIn(crontopus.EventFailure, attempt, after), t0.Add(after+time.Minute)
	c.ExitCode, c.RetryAt, c.Output = code(3), &next, []byte("disk full")
	return c
}

func TestPausesOfRetries(t *testing.T) {
	s, m := crontopus.Duration(time.Second), crontopus.Duration(time.Minute)
	for name, c := range map[string]struct {
		retries *crontopus.Retries
		want    []time.Duration
	}{
		"none":             {nil, nil},
		"a limit of 0":     {&crontopus.Retries{Backoff: s, MaxBackoff: m}, nil},
		"doubling":         {&crontopus.Retries{Limit: 4, Backoff: 10 * s, MaxBackoff: m}, []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute}},
		"already the most": {&crontopus.Retries{Limit: 2, Backoff: m, MaxBackoff: m}, []time.Duration{time.Minute, time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []time.Duration
			for attempt := 1; ; attempt++ {
				pause, again := c.retries.Pause(attempt)
				if !again {
					break
				}
				got = append(got, pause)
			}
			require.Equal(t, c.want, got)
		})
	}
	pause, again := (&crontopus.Retries{Limit: 1000, Backoff: 1, MaxBackoff: crontopus.MaxBackoff}).Pause(1000)
	require.True(t, again)
	require.Equal(t, crontopus.MaxBackoff.Std(), pause, "it does not overflow")
}

func TestRunIsTheSameInAnyOrder(t *testing.T) {
	all := []crontopus.CheckIn{
		checkIn(crontopus.EventStart, 1, 0), retrying(1, time.Second),
		checkIn(crontopus.EventStart, 2, 2*time.Second), retrying(2, 3*time.Second), checkIn(crontopus.EventTimeout, 2, 4*time.Second),
	}
	want := crontopus.NewRun(all[0], "a")
	for _, c := range all[1:] {
		want.Apply(c)
	}
	rapid.Check(t, func(t *rapid.T) {
		order := append(rapid.Permutation(all).Draw(t, "order"), rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "again")...)
		got := crontopus.NewRun(order[0], "a")
		for _, c := range order[1:] {
			got.Apply(c)
		}
		require.Equal(t, want, got)
	})
}

func TestRoles(t *testing.T) {
	require.True(t, crontopus.RoleAdmin.Includes(crontopus.RoleViewer))
	require.True(t, crontopus.RoleOperator.Includes(crontopus.RoleOperator))
	require.False(t, crontopus.RoleViewer.Includes(crontopus.RoleOperator))
	require.False(t, crontopus.RoleAdmin.Includes("root"), "an unknown role includes nothing and is included in nothing")
	require.False(t, crontopus.Role("root").Valid())
}
