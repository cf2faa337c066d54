package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// booted is how a host says that it is back: since when it runs.
func booted(at time.Time) func(*crontopus.AgentReport) {
	return func(r *crontopus.AgentReport) {
		r.Host = &crontopus.HostHealth{BootID: "b2", BootedAt: &at, StartedAt: at}
	}
}

func wentOn(r *crontopus.AgentReport) {
	r.Host = &crontopus.HostHealth{StartedAt: noon.AddDate(0, 0, -1)}
}

// 13:00 is due while the host is off, and judged when it is back: that is what its own incident is about.
func TestWhatAHostMissedWhileItWasOffIsInItsIncidentWheneverItIsJudged(t *testing.T) {
	for name, c := range map[string]struct {
		back    time.Duration // after 13:00
		monitor crontopus.Monitor
	}{
		"long before its grace is over":  {5 * time.Minute, crontopus.Monitor{Grace: crontopus.Duration(time.Hour)}},
		"right before its grace is over": {10*time.Minute - time.Second, crontopus.Monitor{Grace: crontopus.Duration(10 * time.Minute)}},
		"as its grace is over":           {10 * time.Minute, crontopus.Monitor{Grace: crontopus.Duration(10 * time.Minute)}},
		"long after its grace is over":   {time.Hour - time.Minute, crontopus.Monitor{Grace: crontopus.Duration(10 * time.Minute)}},
		"when its start would be late":   {5 * time.Minute, crontopus.Monitor{Grace: crontopus.Duration(time.Hour), StartDeadline: crontopus.Duration(time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, func(j *crontopus.Job) { j.Spec.Monitor = c.monitor })
			due := noon.Add(time.Hour)
			w.until(due.Add(-10*time.Minute), true)
			w.until(due.Add(c.back), false)
			w.report(booted(w.now.Add(-time.Second)))
			w.until(due.Add(59*time.Minute), true)
			w.until(due.Add(time.Hour), true)
			w.run(due.Add(time.Hour), crontopus.EventSuccess)
			w.until(due.Add(90*time.Minute), true)
			in := w.only(t)
			require.Equal(t, crontopus.CausePoweredOff, in.Cause.Code)
			require.Equal(t, crontopus.ResolvedRecovered, in.Resolution)
			require.Equal(t, []crontopus.MissedRun{{Job: w.job.Job.Name(), Agent: "db-01", Due: due}}, in.Missed)
			require.False(t, w.entry().Alert)
		})
	}
}

// What was due before the host went off, or while it was up behind a cut, should have run: when the host is
// back, that is the job's own incident.
func TestWhatAnAbsenceDoesNotExplainIsTheJobsOwn(t *testing.T) {
	due := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		gone  time.Time
		says  func(*crontopus.AgentReport)
		code  string
		words string
	}{
		"it was up, and cut off": {due.Add(-20 * time.Minute), wentOn, crontopus.CauseNeverStarted, "did not start at 13:00 UTC"},
		"cut off, and its cron daemon was dead": {due.Add(-20 * time.Minute), func(r *crontopus.AgentReport) {
			wentOn(r)
			r.Host.SchedulerDead = "no cron daemon is running"
		}, crontopus.CauseSchedulerDead, "no cron daemon is running"},
		"it was heard of after it, and then off": {due.Add(time.Minute), booted(due.Add(50 * time.Minute)), crontopus.CauseNeverStarted, "did not start at 13:00 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, grace(5*time.Minute))
			w.until(c.gone, true)
			w.beat()
			w.until(due.Add(51*time.Minute), false)
			require.Equal(t, 1, w.only(t).MissedCount, "nobody knows yet")
			w.report(c.says)
			w.until(due.Add(55*time.Minute), true)
			var own []crontopus.Incident
			for _, in := range w.incidents {
				if in.WatchID == entryID {
					own = append(own, in)
				} else if in.Kind == crontopus.AlertAgentOffline {
					require.Empty(t, in.Missed)
					require.Zero(t, in.MissedCount)
				}
			}
			require.Len(t, own, 1)
			require.Equal(t, crontopus.AlertMissed, own[0].Kind)
			require.Equal(t, c.code, own[0].Cause.Code, own[0].Cause.Sentence)
			require.Contains(t, own[0].Cause.Sentence, c.words)
			require.Len(t, own[0].Missed, 1)
		})
	}
}

// The host itself says why, of a run that was thought missed because the host was cut off.
func TestARunThatWasSkippedBehindACutIsTheJobsOwn(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	due := noon.Add(time.Hour)
	w.until(due.Add(-10*time.Minute), true)
	w.until(due.Add(50*time.Minute), false)
	require.Equal(t, 1, w.only(t).MissedCount)
	w.run(due, crontopus.EventSkipped, func(c *crontopus.CheckIn) {
		c.Reason, c.Message = crontopus.ReasonStillRunning, "the run of 12:00 still goes on"
	})
	w.report(wentOn)
	w.until(due.Add(55*time.Minute), true)
	require.Len(t, w.incidents, 2)
	require.Zero(t, w.incidents[0].MissedCount)
	require.Equal(t, crontopus.CauseStillRunning, w.incidents[1].Cause.Code)
}
