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

func TestRunIsTheSameInAnyOrder(t *testing.T) {
	all := []crontopus.CheckIn{
		checkIn(crontopus.EventStart, 1, 0), checkIn(crontopus.EventTimeout, 1, time.Second),
		checkIn(crontopus.EventStart, 2, 2*time.Second), checkIn(crontopus.EventSuccess, 2, 3*time.Second),
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
