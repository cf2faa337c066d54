package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
	"crontopus.dev/crontopus/alert/notify"
)

// beganAt and lasted are on a host's clock, in minutes of 13:00, when the job was due.
func beganAt(minute int) time.Time { return noon.Add(time.Hour + time.Duration(minute)*time.Minute) }

func lasted(from, to int, why string) *crontopus.Outage {
	return &crontopus.Outage{Since: beganAt(from), Until: beganAt(to), Why: why}
}

func drift(minute int, kind crontopus.DriftKind) crontopus.Drift {
	return crontopus.Drift{At: beganAt(minute), Entry: "default/backup", Kind: kind, Detail: "0 4 * * * backup"}
}

func health(change func(*crontopus.HostHealth)) *crontopus.HostHealth {
	h := &crontopus.HostHealth{StartedAt: noon.AddDate(0, 0, -1)}
	change(h)
	return h
}

// What a host says, and why a job that was due there at 13:00 did not start. What is certain comes
// before what is likely; of what is certain, all is said, and what must be mended first is the cause.
func TestWhyNothingRan(t *testing.T) {
	refused := &crontopus.Refusal{Generation: crontopus.Generation{Epoch: 1, Number: 7}, Code: crontopus.RefusedSignature, Message: "no pinned key signed it"}
	for name, c := range map[string]struct {
		says  func(*crontopus.AgentReport)
		held  bool // the job has run there before
		cause string
		words []string
	}{
		"nothing": {func(*crontopus.AgentReport) {}, true, crontopus.CauseNeverStarted, []string{"says of nothing that kept it from starting"}},
		"its clock is wrong, and its boot is not to be reckoned with": {func(r *crontopus.AgentReport) {
			booted := beganAt(5)
			r.At, r.Host = r.At.AddDate(-10, 0, 0), health(func(h *crontopus.HostHealth) { h.BootedAt = &booted })
		}, true, crontopus.CauseClockWrong, []string{"the clock of db-01 is 3652 days behind"}},
		"its boot came after, and it was up at the time": {func(r *crontopus.AgentReport) {
			booted, alive := beganAt(5), beganAt(4)
			r.Host = health(func(h *crontopus.HostHealth) { h.BootedAt, h.AliveUntil = &booted, &alive })
			r.Drift = []crontopus.Drift{drift(6, crontopus.DriftMissing)}
		}, true, crontopus.CauseEntryDeleted, []string{"did not start at 13:00 UTC: its entry was deleted by hand"}},
		"it was off, and is paused": {func(r *crontopus.AgentReport) {
			booted := beganAt(5)
			r.Paused, r.Host = true, health(func(h *crontopus.HostHealth) { h.BootedAt = &booted })
		}, true, crontopus.CausePoweredOff, []string{"db-01 was off until 13:05 UTC; besides, the agent on db-01 is paused"}},
		"its agent was started, which cron does not need": {func(r *crontopus.AgentReport) {
			r.Scheduler, r.Crontab, r.Host = "crontab", &crontopus.Crontab{}, health(func(h *crontopus.HostHealth) { h.StartedAt = beganAt(5) })
		}, true, crontopus.CauseNeverStarted, nil},
		"its agent was started, which systemd does not need": {func(r *crontopus.AgentReport) {
			r.Scheduler, r.Host = "systemd", health(func(h *crontopus.HostHealth) { h.StartedAt = beganAt(5) })
		}, true, crontopus.CauseNeverStarted, nil},
		"its agent was started, which runs the jobs itself": {func(r *crontopus.AgentReport) {
			r.Scheduler, r.Host = "builtin", health(func(h *crontopus.HostHealth) { h.StartedAt = beganAt(5) })
		}, true, crontopus.CauseAgentStopped, []string{"the agent on db-01 was started only at 13:05 UTC"}},
		"it slept": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) { h.Slept = lasted(-1, 5, "the host slept") })
		}, true, crontopus.CausePoweredOff, []string{"db-01 slept until 13:05 UTC"}},
		"its agent was suspended, which cron does not need": {func(r *crontopus.AgentReport) {
			r.Scheduler, r.Crontab, r.Host = "crontab", &crontopus.Crontab{}, health(func(h *crontopus.HostHealth) { h.Suspended = lasted(-1, 5, "no time") })
		}, true, crontopus.CauseNeverStarted, nil},
		"its agent was suspended, which runs the jobs itself": {func(r *crontopus.AgentReport) {
			r.Scheduler, r.Host = "builtin", health(func(h *crontopus.HostHealth) { h.Suspended = lasted(-1, 5, "no time") })
		}, true, crontopus.CauseAgentStopped, []string{"the agent on db-01 got no time to run until 13:05 UTC: somebody suspended it"}},
		"cron was dead at the time": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) { h.SchedulerWas = lasted(1, 4, "no cron daemon is running") })
		}, true, crontopus.CauseSchedulerDead, []string{"nothing started entries on db-01 until 13:04 UTC: no cron daemon is running"}},
		"cron was dead long before": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) { h.SchedulerWas = lasted(-40, -20, "no cron daemon is running") })
		}, true, crontopus.CauseNeverStarted, nil},
		"the entry was put back after": {func(r *crontopus.AgentReport) {
			r.Drift = []crontopus.Drift{drift(4, crontopus.DriftMissing)}
		}, true, crontopus.CauseEntryDeleted, []string{"found and put back at 13:04 UTC"}},
		"the entry was put back long before": {func(r *crontopus.AgentReport) {
			r.Drift = []crontopus.Drift{drift(-10, crontopus.DriftMissing)}
		}, true, crontopus.CauseNeverStarted, nil},
		"the entry was edited, and cron dead": {func(r *crontopus.AgentReport) {
			r.Drift = []crontopus.Drift{drift(4, crontopus.DriftEdited)}
			r.Host = health(func(h *crontopus.HostHealth) { h.SchedulerDead = "no cron daemon is running" })
		}, true, crontopus.CauseSchedulerDead, []string{"no cron daemon is running; besides, its entry was edited by hand", "0 4 * * * backup"}},
		"another host's policy is its own": {func(r *crontopus.AgentReport) {
			r.Denied = []crontopus.Denial{{Job: crontopus.JobName{Namespace: "default", Name: "other"}, Reason: "no"}}
		}, true, crontopus.CauseNeverStarted, nil},
		"its bundle was refused, and never had the job":        {func(r *crontopus.AgentReport) { r.Refused = refused }, false, crontopus.CauseBundleRefused, []string{"no pinned key signed it"}},
		"its bundle was refused, but an older one has the job": {func(r *crontopus.AgentReport) { r.Refused = refused }, true, crontopus.CauseNeverStarted, nil},
		"it was cut off when the bundle with it came": {func(r *crontopus.AgentReport) {
			until := beganAt(3)
			r.Host = health(func(h *crontopus.HostHealth) { h.UnheardUntil, h.UnheardWhy = &until, "no route to host" })
		}, false, crontopus.CauseNetworkCut, []string{"could not reach the server until 13:03 UTC, and had not got the entry from it before: no route to host"}},
		"it had no room": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) {
				h.DiskWas = lasted(-5, 5, "/var/lib/crontopus-agent (its disk is full)")
			})
		}, true, crontopus.CauseDiskFull, []string{"db-01 had no room left until 13:05 UTC in /var/lib/crontopus-agent"}},
		"it had no room, and lost what runs had to say": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) {
				h.DiskWas, h.CheckInsLost = lasted(-5, 5, "/var/lib/crontopus-agent (its disk is full)"), lasted(0, 1, "no space left on device")
			})
		}, true, crontopus.CauseDiskFull, []string{"had no room left", "it may have run unheard: what runs on db-01 had to say could not be kept (no space left on device)"}},
		"it lost what runs had to say": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) { h.CheckInsLost = lasted(0, 1, "permission denied") })
		}, true, crontopus.CauseCheckInLost, []string{"it may have run unheard", "(permission denied)"}},
		"it lost what runs had to say, long before": {func(r *crontopus.AgentReport) {
			r.Host = health(func(h *crontopus.HostHealth) { h.CheckInsLost = lasted(-20, -10, "permission denied") })
		}, true, crontopus.CauseNeverStarted, nil},
		"it has no room, and the entry was deleted": {func(r *crontopus.AgentReport) {
			r.Drift = []crontopus.Drift{drift(4, crontopus.DriftMissing)}
			r.Host = health(func(h *crontopus.HostHealth) { h.DiskFull = "/var/lib/crontopus-agent" })
		}, true, crontopus.CauseEntryDeleted, []string{"put back"}},
		"it cannot write its crontab": {func(r *crontopus.AgentReport) { r.Error = "cannot write the crontab" }, true, crontopus.CauseNotApplied, []string{"cannot write the crontab"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld("0 * * * *", grace(10*time.Minute))
			if c.held {
				w.until(noon.Add(time.Second), true)
				w.checkIn(crontopus.CheckIn{RunID: "by hand", Event: crontopus.EventSuccess, At: noon.Add(30 * time.Second)})
			}
			w.until(noon.Add(time.Hour+9*time.Minute), true)
			w.report(c.says)
			w.until(noon.Add(time.Hour+13*time.Minute), true)
			in := w.open(entryID)
			require.NotNil(t, in)
			require.Equal(t, c.cause, in.Cause.Code, in.Cause.Sentence)
			for _, words := range append(c.words, "backup on db-01 did not start at 13:00 UTC") {
				require.Contains(t, in.Cause.Sentence, words)
			}
		})
	}
}

// An agent finds what somebody did to its entries only when it looks: the sentence says so then.
func TestWhatIsFoundLaterIsSaidLater(t *testing.T) {
	w := newWorld(hourly, grace(time.Minute))
	w.until(noon.Add(time.Hour+2*time.Minute), true)
	require.Equal(t, crontopus.CauseNeverStarted, w.only(t).Cause.Code)
	w.report(func(r *crontopus.AgentReport) { r.Paused = true })
	w.until(w.now.Add(time.Minute), true)
	require.Equal(t, crontopus.CauseAgentPaused, w.only(t).Cause.Code)
	w.report(func(r *crontopus.AgentReport) { r.Drift = []crontopus.Drift{drift(4, crontopus.DriftMissing)} })
	w.until(w.now.Add(time.Minute), true)
	require.Contains(t, w.only(t).Cause.Sentence, "is paused (crontopus-agent pause was said there); besides, its entry was deleted by hand on db-01")
	w.report(func(r *crontopus.AgentReport) { r.Paused, r.Drift = false, nil })
	w.until(w.now.Add(time.Minute), true)
	require.Equal(t, crontopus.CauseAgentPaused, w.only(t).Cause.Code, "what is over now was so then")
}

// Git does not want it any more: the incident that was open ends, and says by whose hand.
func TestAnEntryThatGitTakesAway(t *testing.T) {
	removal := crontopus.Commit{Hash: "fedcba9876543210", Author: "Bob", Subject: "no more dumps"}
	for name, c := range map[string]struct {
		change func(*crontopus.Look)
		code   string
		says   string
	}{
		"suspended":                {func(l *crontopus.Look) { l.Job.Job.Spec.Suspend = true }, crontopus.CauseSuspended, "the job was suspended in Git by 0123456789 (Ada: dump at night)"},
		"suspended, and published": {func(l *crontopus.Look) { l.Job.Job.Spec.Suspend = true; l.Job, l.Left = nil, l.Job }, crontopus.CauseSuspended, "was suspended in Git by 0123456789"},
		"for other hosts now":      {func(l *crontopus.Look) { l.Job, l.Left = nil, l.Job }, crontopus.CauseJobRemoved, "its target, last changed in Git by 0123456789"},
		"removed": {func(l *crontopus.Look) {
			l.Job, l.Source = nil, &crontopus.Source{Status: crontopus.SourceStatus{Commit: &removal}}
		}, crontopus.CauseJobRemoved, "the job was removed in Git, as of fedcba9876 (Bob: no more dumps)"},
		"removed with its source":     {func(l *crontopus.Look) { l.Job = nil }, crontopus.CauseJobRemoved, "the job was removed with its source"},
		"of a host that was given up": {func(l *crontopus.Look) { l.Agent = nil }, crontopus.CauseExitCode, "failed at 13:00 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, nil)
			w.until(noon.Add(time.Hour), true)
			w.run(w.now, crontopus.EventFailure, func(ci *crontopus.CheckIn) { ci.Output = []byte("no such table") })
			w.until(w.now.Add(time.Second), true)
			l := w.see(w.entry())
			c.change(&l)
			v := alert.Judge(&l)
			require.True(t, v.Gone)
			in := v.Incidents[0]
			require.Equal(t, crontopus.ResolvedRemoved, in.Resolution)
			require.Equal(t, c.code, in.Cause.Code)
			require.Contains(t, in.Cause.Sentence, c.says)
			require.Contains(t, in.Cause.Evidence, crontopus.Evidence{What: "output", Says: "no such table"}, "what was known stays")
			m := notify.Render(&crontopus.Delivery{Notification: crontopus.Notification{What: crontopus.NotifyResolved}, Incident: &in})
			require.Equal(t, 1, strings.Count(m.Text, in.ResolvedWhy), m.Text)
			require.Contains(t, fmt.Sprint(m.Text, m.Facts), "backup on db-01 failed at 13:00 UTC: it ended with exit code 3", "who is told of the end is told of what")
		})
	}
}

func TestAJobThatPingedIsRunByAgentsNow(t *testing.T) {
	w := newWorld("", pinged)
	w.ping("one", crontopus.EventFailure)
	w.look()
	w.only(t)
	l := w.see(w.entry())
	l.Job, l.Left = nil, l.Job
	l.Left.Job.Spec.Target = crontopus.Target{All: true}
	v := alert.Judge(&l)
	require.Equal(t, "backup is not to ping any more: as of 0123456789 (Ada: dump at night) in Git, agents run it", v.Incidents[0].ResolvedWhy)
}
