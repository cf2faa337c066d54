package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	cron "crontopus.dev/crontopus/schedule"
)

func TestWhatIsClaimed(t *testing.T) {
	clock := func(s string) time.Time {
		instant, err := time.Parse("15:04:05", s)
		require.NoError(t, err)
		return at.Truncate(24 * time.Hour).Add(instant.Sub(instant.Truncate(24 * time.Hour)))
	}
	type step struct {
		reset bool
		now   string
		boot  string
		want  string // the instant, "boot" or ""
	}
	for _, c := range []struct {
		name    string
		exprs   []string
		catchUp bool
		steps   []step
	}{
		{name: "an instant, once", exprs: []string{"*/5 * * * *"}, steps: []step{
			{now: "10:00:01", want: "10:00:00"}, {now: "10:00:02"}, {now: "10:04:59"}, {now: "10:05:00", want: "10:05:00"},
		}},
		{name: "late, but not too late", exprs: []string{"0 * * * *"}, steps: []step{{now: "10:10:00", want: "10:00:00"}, {now: "11:10:01"}}},
		{name: "the newest of several that were missed", exprs: []string{"* * * * *"}, steps: []step{{now: "10:00:00", want: "10:00:00"}, {now: "10:07:30", want: "10:07:00"}, {now: "10:07:59"}}},
		{name: "a new entry does not run for what was before it", exprs: []string{"0 * * * *"}, steps: []step{{reset: true, now: "10:02:00"}, {now: "10:03:00"}, {now: "11:00:00", want: "11:00:00"}}},
		{name: "a new entry at its very instant", exprs: []string{"0 * * * *"}, steps: []step{{reset: true, now: "10:00:00"}, {now: "10:00:30"}}},
		{name: "caught up once after a long sleep", exprs: []string{"0 * * * *"}, catchUp: true, steps: []step{
			{now: "10:00:00", want: "10:00:00"}, {now: "15:30:00", want: "15:00:00"}, {now: "15:31:00"},
		}},
		{name: "caught up since the entry came", exprs: []string{"0 * * * *"}, catchUp: true, steps: []step{{reset: true, now: "10:30:00"}, {now: "15:30:00", want: "15:00:00"}}},
		{name: "nothing to catch up where nothing is known", exprs: []string{"0 * * * *"}, catchUp: true, steps: []step{{now: "15:30:00"}}},
		{name: "the clock set back a little", exprs: []string{"*/5 * * * *"}, steps: []step{{now: "10:30:00", want: "10:30:00"}, {now: "10:00:00"}, {now: "10:30:20"}, {now: "10:35:00", want: "10:35:00"}}},
		{name: "the clock was wrong by far", exprs: []string{"*/5 * * * *"}, steps: []step{{now: "20:00:00", want: "20:00:00"}, {now: "10:00:00", want: "10:00:00"}}},
		{name: "the clock leapt ahead and back", exprs: []string{"*/5 * * * *"}, steps: []step{
			{now: "08:00:00", want: "08:00:00"}, {now: "20:00:00", want: "20:00:00"}, {now: "20:05:00", want: "20:05:00"},
			{now: "08:00:30"}, {now: "08:05:00", want: "08:05:00"}, {now: "20:00:30"}, {now: "20:05:01"}, {now: "20:10:00", want: "20:10:00"},
		}},
		{name: "the clock was set back an hour", exprs: []string{"*/5 * * * *"}, steps: []step{{now: "10:00:00", want: "10:00:00"}, {now: "09:00:00"}, {now: "09:55:00"}, {now: "10:00:10"}, {now: "10:05:00", want: "10:05:00"}}},
		{name: "a boot, once", exprs: []string{"@reboot"}, steps: []step{{now: "10:00:00", boot: "b1", want: "boot"}, {now: "10:00:01", boot: "b1"}, {now: "11:00:00", boot: "b2", want: "boot"}}},
		{name: "a new entry waits for the next boot", exprs: []string{"@reboot"}, steps: []step{{reset: true, now: "10:00:00", boot: "b1"}, {now: "10:05:00", boot: "b1"}, {now: "11:00:00", boot: "b2", want: "boot"}}},
		{name: "a boot and a time, at once", exprs: []string{"@reboot", "0 10 * * *"}, steps: []step{{now: "10:00:01", boot: "b1", want: "10:00:00"}, {now: "10:00:01", boot: "b1"}}},
		{name: "a boot that found a time missed, and a start long after it", exprs: []string{"@reboot", "0 10 * * *"}, steps: []step{
			{now: "10:03:00", boot: "b1", want: "10:00:00"}, {now: "17:00:00", boot: "b1"}, {now: "18:00:00", boot: "b2", want: "boot"},
		}},
		{name: "a boot, then a time", exprs: []string{"@reboot", "0 10 * * *"}, steps: []step{{now: "09:59:00", boot: "b1", want: "boot"}, {now: "10:00:01", boot: "b1", want: "10:00:00"}, {now: "10:00:02", boot: "b1"}}},
		{name: "no boot id to be had", exprs: []string{"@reboot"}, steps: []step{{now: "10:00:00"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := agent.State{Dir: t.TempDir()}
			require.NoError(t, state.Create())
			job := claimer(c.exprs...)
			if c.catchUp {
				job.Spec.Monitor.CatchUp = crontopus.CatchUpOnce
			}
			set, err := cron.New(c.exprs, "UTC", "")
			require.NoError(t, err)
			for _, s := range c.steps {
				if s.reset {
					require.NoError(t, state.ResetClaim(job.Name(), s.boot, clock(s.now)))
				}
				got, ok, err := state.TakeClaim(job, set, s.boot, clock(s.now))
				require.NoError(t, err)
				require.Equal(t, s.want != "", ok, "at %s", s.now)
				switch {
				case s.want == "boot":
					require.Equal(t, agent.Claimed{Boot: true}, got)
				case s.want != "":
					require.True(t, clock(s.want).Equal(got.ScheduledFor), "at %s: %s", s.now, got.ScheduledFor)
				}
			}
		})
	}
}

func claimer(exprs ...string) *crontopus.Job {
	job := &crontopus.Job{Spec: crontopus.JobSpec{Schedule: exprs, Run: crontopus.RunSpec{Command: []string{"true"}}}}
	job.Metadata.Name = "claimer"
	job.SetDefaults()
	return job
}

func TestNoInstantIsClaimedTwiceWhileTheClockWanders(t *testing.T) {
	set, err := cron.New([]string{"*/7 * * * *"}, "UTC", "")
	require.NoError(t, err)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		state := agent.State{Dir: dir}
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, state.Create())
		taken := map[int64]bool{}
		for i, minutes := range rapid.SliceOfN(rapid.IntRange(0, 50), 1, 12).Draw(t, "clock") { // an hour is never gone back
			now := at.Add(time.Duration(i*5+minutes) * time.Minute)
			got, ok, err := state.TakeClaim(claimer("*/7 * * * *"), set, "b", now)
			require.NoError(t, err)
			require.False(t, ok && taken[got.ScheduledFor.Unix()])
			if ok {
				taken[got.ScheduledFor.Unix()] = true
			}
		}
	})
}

// A clock that leaps ten years ahead and back, however often: nothing is run twice, and what is
// due next at the right time runs.
func TestNoInstantIsClaimedTwiceWhereverTheClockLeaps(t *testing.T) {
	decade := 10 * 365 * 24 * time.Hour
	set, err := cron.New([]string{"*/7 * * * *"}, "UTC", "")
	require.NoError(t, err)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		state := agent.State{Dir: dir}
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, state.Create())
		taken := map[int64]bool{}
		take := func(now time.Time) bool {
			got, ok, err := state.TakeClaim(claimer("*/7 * * * *"), set, "b", now)
			require.NoError(t, err)
			require.False(t, ok && taken[got.ScheduledFor.Unix()], "%s is run twice", got.ScheduledFor)
			taken[got.ScheduledFor.Unix()] = taken[got.ScheduledFor.Unix()] || ok
			return ok
		}
		leaps := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, time.Hour, -time.Hour, decade, -decade, 50 * 24 * time.Hour}), 1, 12).Draw(t, "leaps")
		for i, off := range leaps {
			now := at.Add(time.Duration(i) * time.Minute)
			take(now.Add(off))
			take(now.Add(off + 8*time.Minute))
			take(now)
		}
		require.True(t, take(at.Add(3*time.Hour)), "the right time is not kept from running")
	})
}

// A clock that never stops leaping is not given more of the disk each time, and still nothing
// is run twice.
func TestTheErasOfAClaimAreBounded(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	set, err := cron.New([]string{"*/7 * * * *"}, "UTC", "")
	require.NoError(t, err)
	taken := map[int64]bool{}
	for round := range 2 {
		for i := range 100 {
			got, ok, err := state.TakeClaim(claimer("*/7 * * * *"), set, "b", at.AddDate(-i, 0, 0))
			require.NoError(t, err)
			require.False(t, ok && taken[got.ScheduledFor.Unix()], "%s is run twice", got.ScheduledFor)
			taken[got.ScheduledFor.Unix()] = true
			require.Equal(t, round == 0, ok)
		}
	}
	record, err := os.Stat(filepath.Join(state.ClaimsDir(), "default.claimer"))
	require.NoError(t, err)
	require.Less(t, record.Size(), int64(1025))
}

func TestTheClaimOfAnOlderAgentCounts(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	old := fmt.Sprintf("{\n  \"floor\": %q,\n  \"claimed\": %q\n}\n", at.Add(-time.Hour).Format(time.RFC3339), at.Truncate(time.Minute).Format(time.RFC3339))
	require.NoError(t, os.WriteFile(filepath.Join(state.ClaimsDir(), "default.claimer"), []byte(old), 0o600))
	set, err := cron.New([]string{"* * * * *"}, "UTC", "")
	require.NoError(t, err)
	_, ok, err := state.TakeClaim(claimer("* * * * *"), set, "", at)
	require.NoError(t, err)
	require.False(t, ok)
	_, ok, err = state.TakeClaim(claimer("* * * * *"), set, "", at.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, ok)
}

func TestAClockBeyondAllYearsRunsNothing(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	set, err := cron.New([]string{"* * * * *"}, "UTC", "")
	require.NoError(t, err)
	_, ok, _ := state.TakeClaim(claimer("* * * * *"), set, "", time.Date(20_000, 1, 1, 0, 0, 30, 0, time.UTC))
	require.False(t, ok, "what cannot be remembered is not run")
}

func TestADamagedClaimIsReplaced(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	require.NoError(t, os.WriteFile(filepath.Join(state.ClaimsDir(), "default.claimer"), []byte("{half"), 0o600))
	set, err := cron.New([]string{"* * * * *"}, "UTC", "")
	require.NoError(t, err)
	_, ok, err := state.TakeClaim(claimer("* * * * *"), set, "", at)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = state.TakeClaim(claimer("* * * * *"), set, "", at)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAClaimThatCannotBeWrittenIsNone(t *testing.T) {
	state := agent.State{Dir: filepath.Join(t.TempDir(), "gone")}
	set, err := cron.New([]string{"* * * * *"}, "UTC", "")
	require.NoError(t, err)
	_, ok, err := state.TakeClaim(claimer("* * * * *"), set, "", at)
	require.ErrorContains(t, err, "cannot keep the claims of default/claimer")
	require.False(t, ok)
}
