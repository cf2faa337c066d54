package alert_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

const hourly = "0 * * * *"

func grace(d time.Duration) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Monitor.Grace = crontopus.Duration(d) }
}

func TestAJobThatRunsIsNoIncident(t *testing.T) {
	w := newWorld(hourly, grace(time.Minute))
	for i := 1; i <= 24; i++ {
		due := noon.Add(time.Duration(i) * time.Hour)
		w.until(due, true)
		w.run(due, crontopus.EventSuccess)
	}
	w.until(w.now.Add(30*time.Minute), true)
	require.Empty(t, w.incidents)
	require.Less(t, w.looks, 24*3+2*24*60, "an entry is looked at a few times a run, a host every few minutes")
}

func TestWhatDidNotRunIsMissedOnceItsGraceIsOver(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(time.Hour+5*time.Minute-time.Second), true)
	require.Empty(t, w.incidents)
	w.until(noon.Add(time.Hour+5*time.Minute), true)
	in := w.only(t)
	require.Equal(t, crontopus.AlertMissed, in.Kind)
	require.Equal(t, crontopus.CauseNeverStarted, in.Cause.Code)
	require.Contains(t, in.Cause.Sentence, "backup on db-01 did not start at 13:00 UTC")
	require.Equal(t, []crontopus.MissedRun{{Job: w.job.Job.Name(), Agent: "db-01", Due: noon.Add(time.Hour)}}, in.Missed)

	w.until(noon.Add(2*time.Hour), true)
	w.run(noon.Add(2*time.Hour), crontopus.EventSuccess)
	w.until(noon.Add(2*time.Hour+time.Minute), true)
	in = w.only(t)
	require.Equal(t, crontopus.ResolvedRecovered, in.Resolution)
	require.Equal(t, "backup on db-01 succeeded at 14:00 UTC", in.ResolvedWhy)
}

func TestLateTruthRetractsAMiss(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(time.Hour+10*time.Minute), true)
	require.Nil(t, w.only(t).ResolvedAt)
	w.run(noon.Add(time.Hour), crontopus.EventSuccess)
	w.until(w.now.Add(time.Second), true)
	in := w.only(t)
	require.Equal(t, crontopus.ResolvedRetracted, in.Resolution)
	require.Empty(t, in.Missed)
}

func TestARunThatCameWhileItsMissWasBeingJudgedIsFound(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(time.Hour+5*time.Minute), true)
	require.Nil(t, w.only(t).ResolvedAt)
	w.run(noon.Add(time.Hour), crontopus.EventSuccess)
	clear(w.signals) // it was no signal when it was recorded
	w.entry().LookAt = w.now.Add(20 * time.Second)
	w.until(w.now.Add(30*time.Second), true)
	require.Equal(t, crontopus.ResolvedRetracted, w.only(t).Resolution)
}

func TestNobodyIsJudgedBeforeItsAgentHasToldAll(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(59*time.Minute), true)
	drained := w.now
	for w.now.Before(noon.Add(2 * time.Hour)) { // heard of, but with check-ins in its spool
		w.beat()
		w.agent.Status.SpoolDrained = &drained
		w.until(w.now.Add(30*time.Second), false)
	}
	require.Empty(t, w.incidents)
	w.beat()
	w.until(w.now.Add(time.Minute), true)
	require.Equal(t, crontopus.AlertMissed, w.only(t).Kind)
}

func TestAHostThatIsOfflineIsOneIncidentWithItsMissesInside(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(30*time.Minute), true)
	w.until(noon.Add(4*time.Hour+30*time.Minute), false)
	in := w.only(t)
	require.Equal(t, crontopus.AlertAgentOffline, in.Kind)
	require.Equal(t, "db-01 has been offline since 12:30 UTC", in.Cause.Sentence)
	require.Equal(t, 4, in.MissedCount)

	booted := w.now.Add(-time.Minute)
	w.report(func(r *crontopus.AgentReport) {
		r.Host = &crontopus.HostHealth{BootID: "b2", BootedAt: &booted, StartedAt: booted}
	})
	w.until(w.now.Add(10*time.Minute), true)
	in = w.only(t)
	require.Equal(t, crontopus.ResolvedRecovered, in.Resolution)
	require.Equal(t, crontopus.CausePoweredOff, in.Cause.Code)
	require.Contains(t, in.ResolvedWhy, "db-01 was off or restarting between 12:30 UTC and 16:30 UTC")
	require.Equal(t, 4, in.MissedCount, "nothing ran")
	w.run(noon.Add(5*time.Hour), crontopus.EventSuccess)
	w.until(noon.Add(5*time.Hour+30*time.Minute), true)
	require.Len(t, w.incidents, 1)
	require.False(t, w.entry().Alert)
}

func TestAHostThatWasCutOffHasRunItsJobs(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(30*time.Minute), true)
	w.until(noon.Add(2*time.Hour+30*time.Minute), false)
	require.Equal(t, 2, w.only(t).MissedCount)
	for i := 1; i <= 2; i++ {
		w.run(noon.Add(time.Duration(i)*time.Hour), crontopus.EventSuccess)
	}
	w.report(func(r *crontopus.AgentReport) { r.Host = &crontopus.HostHealth{StartedAt: noon.AddDate(0, 0, -1)} })
	w.until(w.now.Add(time.Minute), true)
	in := w.only(t)
	require.Equal(t, crontopus.CauseNetworkCut, in.Cause.Code)
	require.Zero(t, in.MissedCount)
}

// A connection that broke meanwhile looks to the agent as if it had been cut off all the time, and gone on.
func TestAHostWhoseAgentStoodStill(t *testing.T) {
	for name, c := range map[string]struct {
		scheduler string
		stood     func(h *crontopus.HostHealth, o *crontopus.Outage)
		code      string
		says      string
		missed    int
	}{
		"it slept": {"crontab", func(h *crontopus.HostHealth, o *crontopus.Outage) { h.Slept = o },
			crontopus.CausePoweredOff, "db-01 slept between 12:30 UTC and 14:30 UTC: it did not boot, and ran nothing meanwhile", 2},
		"its agent, which runs the jobs, was suspended": {"builtin", func(h *crontopus.HostHealth, o *crontopus.Outage) { h.Suspended = o },
			crontopus.CauseAgentStopped, "the agent on db-01 got no time to run between 12:30 UTC and 14:30 UTC", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, grace(5*time.Minute))
			w.until(noon.Add(30*time.Minute), true)
			from := w.now
			w.until(noon.Add(2*time.Hour+30*time.Minute), false)
			w.report(func(r *crontopus.AgentReport) {
				r.Scheduler, r.Host = c.scheduler, health(func(h *crontopus.HostHealth) {
					h.UnheardSince, h.UnheardUntil, h.UnheardWhy = &from, &w.now, "EOF"
					c.stood(h, &crontopus.Outage{Since: from, Until: w.now, Why: "why"})
				})
			})
			w.until(w.now.Add(20*time.Minute), true)
			in := w.only(t)
			require.Equal(t, c.code, in.Cause.Code)
			require.Contains(t, in.ResolvedWhy, c.says)
			require.Equal(t, c.missed, in.MissedCount)
			require.True(t, slices.ContainsFunc(in.Cause.Evidence, func(e crontopus.Evidence) bool { return e.What == "stood still" && e.Says == "until then: why" }))
		})
	}
}

// Cron started the jobs all the same.
func TestAHostWhoseAgentWasSuspendedBesideCron(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(30*time.Minute), true)
	from := w.now
	w.until(noon.Add(2*time.Hour+30*time.Minute), false)
	for i := 1; i <= 2; i++ {
		w.run(noon.Add(time.Duration(i)*time.Hour), crontopus.EventSuccess)
	}
	w.report(func(r *crontopus.AgentReport) {
		r.Scheduler, r.Host = "crontab", health(func(h *crontopus.HostHealth) { h.Suspended = &crontopus.Outage{Since: from, Until: w.now} })
	})
	w.until(w.now.Add(time.Minute), true)
	in := w.only(t)
	require.Equal(t, crontopus.CauseAgentStopped, in.Cause.Code)
	require.Zero(t, in.MissedCount)
}

func TestALateStartSaysHowLateItWas(t *testing.T) {
	due := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		then func(*world)
		why  string
	}{
		"heard of only later": {func(w *world) {
			w.until(due.Add(15*time.Minute), true)
			w.checkIn(crontopus.CheckIn{RunID: "r", Event: crontopus.EventStart, At: due.Add(4 * time.Minute), ScheduledFor: &due})
		}, "backup on db-01 started, 4m late"},
		"called off, and started for the next instant": {func(w *world) {
			w.run(due, crontopus.EventSkipped, func(c *crontopus.CheckIn) { c.Reason = crontopus.ReasonCalledOff })
			w.until(due.Add(time.Hour), true)
			w.run(w.now, crontopus.EventSuccess)
		}, "backup on db-01 started again for 14:00 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, func(j *crontopus.Job) {
				grace(30 * time.Minute)(j)
				j.Spec.Monitor.StartDeadline = crontopus.Duration(2 * time.Minute)
			})
			w.until(due.Add(3*time.Minute), true)
			c.then(w)
			w.until(w.now.Add(time.Second), true)
			require.Equal(t, c.why, w.only(t).ResolvedWhy)
		})
	}
}

func TestFailures(t *testing.T) {
	w := newWorld(hourly, nil)
	w.policies = []crontopus.AlertPolicy{{Spec: crontopus.AlertPolicySpec{Match: crontopus.Match{All: true}, AfterFailures: 2, RecoverAfter: 2}}}
	w.policies[0].SetDefaults()
	run := func(hour int, event crontopus.Event, change ...func(*crontopus.CheckIn)) {
		due := noon.Add(time.Duration(hour) * time.Hour)
		w.until(due, true)
		w.run(due, event, change...)
		w.until(due.Add(time.Second), true)
	}
	run(1, crontopus.EventFailure)
	require.Empty(t, w.incidents, "one is not yet two")
	run(2, crontopus.EventSuccess)
	run(3, crontopus.EventFailure)
	require.Empty(t, w.incidents, "and not in a row")
	run(4, crontopus.EventFailure, func(c *crontopus.CheckIn) { c.Output = []byte("dump\nno such table: orders\n") })
	in := w.only(t)
	require.Equal(t, crontopus.AlertFailed, in.Kind)
	require.Equal(t, 2, in.Failures)
	require.Equal(t, "backup on db-01 failed at 16:00 UTC: it ended with exit code 3", in.Cause.Sentence)
	require.Contains(t, in.Cause.Evidence, crontopus.Evidence{What: "output", Says: "dump\nno such table: orders"})
	run(5, crontopus.EventSuccess)
	require.Nil(t, w.only(t).ResolvedAt)
	run(6, crontopus.EventSuccess)
	require.Equal(t, crontopus.ResolvedRecovered, w.only(t).Resolution)
	w.until(w.now.Add(time.Hour/2), true)
	require.False(t, w.entry().Alert)
}

func TestTheLastCheckInIsWhenARunEnded(t *testing.T) {
	w := newWorld(hourly, nil)
	due := noon.Add(time.Hour)
	w.until(due, true)
	w.run(due, crontopus.EventStart)
	w.until(due.Add(50*time.Minute), true)
	code, ended := 3, w.now
	for id := range w.runs {
		w.checkIn(crontopus.CheckIn{RunID: id, Event: crontopus.EventFailure, At: ended, ExitCode: &code})
	}
	w.until(ended.Add(time.Second), true)
	require.Contains(t, w.only(t).Cause.Evidence, crontopus.Evidence{What: "last check-in", Says: "failed, exit code 3", At: &ended})
}

func TestALateStart(t *testing.T) {
	w := newWorld(hourly, func(j *crontopus.Job) { j.Spec.Monitor.StartDeadline = crontopus.Duration(2 * time.Minute) })
	due := noon.Add(time.Hour)
	w.until(due.Add(2*time.Minute), true)
	in := w.only(t)
	require.Equal(t, crontopus.AlertLateStart, in.Kind)
	require.Contains(t, in.Cause.Sentence, "backup on db-01 has not started within 2m of 13:00 UTC")
	w.until(due.Add(4*time.Minute), true)
	w.run(due, crontopus.EventStart)
	w.until(w.now.Add(time.Second), true)
	require.Equal(t, "backup on db-01 started, 4m late", w.only(t).ResolvedWhy)
}

func TestALateStartThatNeverComesIsAMiss(t *testing.T) {
	w := newWorld(hourly, func(j *crontopus.Job) { j.Spec.Monitor.StartDeadline = crontopus.Duration(2 * time.Minute) })
	w.until(noon.Add(time.Hour+11*time.Minute), true)
	require.Equal(t, crontopus.AlertMissed, w.only(t).Kind)
}

// A job that pings is late as well as one that an agent runs: whatever it says first ends that.
func TestALatePing(t *testing.T) {
	for name, says := range map[string]struct {
		kind  crontopus.AlertKind // of what is told of afterwards
		pings []crontopus.Event
	}{
		"a start":   {pings: []crontopus.Event{crontopus.EventStart}},
		"a success": {pings: []crontopus.Event{crontopus.EventSuccess}},
		"a failure": {pings: []crontopus.Event{crontopus.EventFailure}, kind: crontopus.AlertFailed},
		"nothing":   {kind: crontopus.AlertMissed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, func(j *crontopus.Job) {
				j.Spec.Target, j.Spec.Run = crontopus.Target{Ping: true}, crontopus.RunSpec{}
				j.Spec.Monitor = crontopus.Monitor{StartDeadline: crontopus.Duration(2 * time.Minute), Grace: crontopus.Duration(10 * time.Minute)}
			})
			due := noon.Add(time.Hour)
			w.until(due.Add(2*time.Minute-time.Second), false)
			require.Empty(t, w.incidents)
			w.until(due.Add(2*time.Minute), false)
			in := w.only(t)
			require.Equal(t, crontopus.AlertLateStart, in.Kind)
			require.Equal(t, "backup was not heard of at 13:00 UTC: no ping came within its start deadline of 2m", in.Cause.Sentence)
			w.until(due.Add(4*time.Minute), false)
			for _, event := range says.pings {
				w.ping("one", event)
			}
			w.until(due.Add(11*time.Minute), false)
			switch first := w.incidents[0]; says.kind {
			case "":
				require.Equal(t, "backup was heard of, 4m late", w.only(t).ResolvedWhy)
			case crontopus.AlertMissed:
				require.Equal(t, says.kind, w.only(t).Kind)
			default:
				require.Equal(t, crontopus.ResolvedRecovered, first.Resolution)
				require.Equal(t, says.kind, w.incidents[1].Kind)
			}
			w.ping("two", crontopus.EventSuccess)
			w.until(due.Add(time.Hour+time.Minute), false)
			require.Nil(t, w.open(w.entry().ID))
			w.until(due.Add(time.Hour+2*time.Minute), false)
			require.Equal(t, crontopus.AlertLateStart, w.incidents[len(w.incidents)-1].Kind, "and so is the next")
			require.NotNil(t, w.open(w.entry().ID))
		})
	}
}

func TestARunThatTakesTooLong(t *testing.T) {
	for name, late := range map[string]time.Duration{"from the instant": 0, "from a start within its grace": 7 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, func(j *crontopus.Job) { j.Spec.Monitor.MaxDuration = crontopus.Duration(3 * time.Minute) })
			due := noon.Add(time.Hour)
			w.until(due.Add(late), true)
			w.run(due, crontopus.EventStart)
			w.until(due.Add(late+3*time.Minute-time.Second), true)
			require.Empty(t, w.incidents)
			w.until(due.Add(late+3*time.Minute), true)
			in := w.only(t)
			require.Equal(t, crontopus.AlertTooLong, in.Kind)
			require.Contains(t, in.Cause.Sentence, "longer than 3m")
			var id string
			for id = range w.runs {
			}
			w.now = w.now.Add(time.Minute)
			w.checkIn(crontopus.CheckIn{RunID: id, Event: crontopus.EventSuccess, At: w.now})
			w.until(w.now.Add(time.Second), true)
			require.Equal(t, crontopus.ResolvedRecovered, w.only(t).Resolution)
		})
	}
}

// A run that goes on for longer than it may, while the next one comes and goes: of a job that may run beside
// itself, or one that pings.
func TestWhatTakesTooLongIsOverOnceThatRunEnds(t *testing.T) {
	type story struct {
		w    *world
		long time.Time
	}
	at := func(s *story, minutes int) { s.w.until(s.long.Add(time.Duration(minutes)*time.Minute), true) }
	tell := func(s *story, run string, event crontopus.Event) {
		s.w.checkIn(crontopus.CheckIn{RunID: run, Event: event, At: s.w.now})
		s.w.until(s.w.now.Add(time.Second), true)
	}
	for name, c := range map[string]struct {
		recoverAfter, afterFailures int
		happens                     func(*story)
		open                        bool
	}{
		"another run went well":                   {happens: func(s *story) { tell(s, "short", crontopus.EventSuccess) }, open: true},
		"another run failed":                      {afterFailures: 2, happens: func(s *story) { tell(s, "short", crontopus.EventFailure) }, open: true},
		"it went well":                            {happens: func(s *story) { tell(s, "long", crontopus.EventSuccess) }},
		"it failed, which is not enough":          {afterFailures: 2, happens: func(s *story) { tell(s, "long", crontopus.EventFailure) }},
		"it went well, two have to after a fault": {recoverAfter: 2, happens: func(s *story) { tell(s, "long", crontopus.EventSuccess) }},
		"it went well after another one failed": {afterFailures: 2, happens: func(s *story) {
			tell(s, "short", crontopus.EventFailure)
			tell(s, "long", crontopus.EventSuccess)
		}},
	} {
		for kind, agent := range map[string]bool{"": true, ", by pings": false} {
			t.Run(name+kind, func(t *testing.T) {
				s := &story{w: newWorld("0 0 * * *", func(j *crontopus.Job) {
					if !agent {
						pinged(j)
					}
					j.Spec.Monitor.MaxDuration = crontopus.Duration(10 * time.Minute)
				}), long: noon.Add(12 * time.Hour)}
				p := crontopus.AlertPolicy{Spec: crontopus.AlertPolicySpec{Match: crontopus.Match{All: true}, RecoverAfter: c.recoverAfter, AfterFailures: c.afterFailures}}
				p.SetDefaults()
				s.w.policies = []crontopus.AlertPolicy{p}
				at(s, 0)
				due := &s.long
				if !agent {
					due = nil
				}
				s.w.checkIn(crontopus.CheckIn{RunID: "long", Event: crontopus.EventStart, At: s.w.now, ScheduledFor: due})
				at(s, 11)
				require.Equal(t, crontopus.AlertTooLong, s.w.only(t).Kind)
				at(s, 15)
				tell(s, "short", crontopus.EventStart)
				c.happens(s)
				at(s, 20)
				require.Equal(t, c.open, s.w.only(t).ResolvedAt == nil, "%+v", s.w.incidents)
			})
		}
	}
}

func TestASkippedRunIsMissedAtOnceWithItsReason(t *testing.T) {
	w := newWorld(hourly, nil)
	due := noon.Add(time.Hour)
	w.until(due, true)
	w.run(due, crontopus.EventSkipped, func(c *crontopus.CheckIn) {
		c.Reason, c.Message = crontopus.ReasonStillRunning, "the run of 12:00 still goes on"
	})
	w.until(due.Add(time.Second), true)
	in := w.only(t)
	require.Equal(t, crontopus.CauseStillRunning, in.Cause.Code)
	require.Contains(t, in.Cause.Sentence, "the run of 12:00 still goes on")
}

func TestWhatGitTakesAwayEndsItsIncident(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		why    string
	}{
		"the job":          {func(w *world) { w.noJob = true }, "removed"},
		"the job's runs":   {func(w *world) { w.job.Job.Spec.Suspend = true }, "suspended in Git by 0123456789 (Ada: dump at night)"},
		"the host's agent": {func(w *world) { w.agent = nil }, "revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, nil)
			w.until(noon.Add(time.Hour+15*time.Minute), true)
			require.Nil(t, w.only(t).ResolvedAt)
			c.change(w)
			w.entry().LookAt = w.now
			w.look()
			in := w.only(t)
			require.Equal(t, crontopus.ResolvedRemoved, in.Resolution)
			require.Contains(t, in.ResolvedWhy, c.why)
			require.Nil(t, w.entry())
		})
	}
}

func TestAScheduleThatChangesIsReckonedFromNow(t *testing.T) {
	w := newWorld(hourly, nil)
	w.until(noon.Add(time.Hour+time.Minute), true) // 13:00 waits for its grace
	w.job.Job.Spec.Schedule = crontopus.Schedules{"30 14 * * *"}
	w.entry().LookAt = w.now
	w.until(noon.Add(2*time.Hour+20*time.Minute), true)
	in := w.only(t)
	require.Equal(t, crontopus.CauseScheduleChanged, in.Cause.Code)
	require.Len(t, in.Missed, 1, "14:00 is not due any more")
	w.until(noon.Add(2*time.Hour+45*time.Minute), true)
	require.Len(t, w.only(t).Missed, 2)
}

func TestWhatComesAndGoesTooOftenIsFlapping(t *testing.T) {
	w := newWorld("*/5 * * * *", nil)
	for i := 1; i <= 8; i++ {
		due := noon.Add(time.Duration(i) * 5 * time.Minute)
		w.until(due, true)
		event := crontopus.EventSuccess
		if i%2 == 1 {
			event = crontopus.EventFailure
		}
		w.run(due, event)
		w.until(due.Add(time.Second), true)
	}
	require.Len(t, w.incidents, 4)
	last := w.incidents[3]
	require.True(t, last.Flapping)
	require.True(t, last.Open(), "one good run does not end it")
	for i := 9; i <= 11; i++ {
		due := noon.Add(time.Duration(i) * 5 * time.Minute)
		w.until(due, true)
		w.run(due, crontopus.EventSuccess)
	}
	w.until(w.now.Add(time.Second), true)
	require.False(t, w.incidents[3].Open())
	require.Len(t, w.incidents, 4)
}

func TestOurOwnAbsenceIsNobodysMiss(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(30*time.Minute), true)
	w.now = noon.Add(6 * time.Hour) // nobody looked, nobody answered
	w.upSince = w.now
	w.until(w.now.Add(20*time.Second), false)
	require.Empty(t, w.incidents)
	for i := 1; i <= 6; i++ {
		if i != 3 {
			w.run(noon.Add(time.Duration(i)*time.Hour), crontopus.EventSuccess)
		}
	}
	w.until(w.now.Add(time.Minute), true)
	in := w.incidents[0]
	require.Equal(t, noon.Add(3*time.Hour), in.Missed[0].Due, "the one that did not run")
	require.Equal(t, 1, in.MissedCount)
}

func TestSuppressedByAJobThatItDependsOn(t *testing.T) {
	w := newWorld(hourly, nil)
	w.parents = []crontopus.Incident{{ID: "parent"}}
	w.until(noon.Add(time.Hour+15*time.Minute), true)
	require.Equal(t, "parent", w.only(t).SuppressedBy)
	w.parents = nil
	w.entry().LookAt = w.now
	w.look()
	require.Empty(t, w.only(t).SuppressedBy)
}

// pinged makes a job one that is heard of once a day.
func pinged(j *crontopus.Job) {
	j.Spec.Schedule, j.Spec.Every, j.Spec.Target, j.Spec.Run = nil, crontopus.Duration(24*time.Hour), crontopus.Target{Ping: true}, crontopus.RunSpec{}
	j.Spec.Monitor.Grace = crontopus.Duration(time.Hour)
}

// ping is one of a run, and nobody looks at once.
func (w *world) ping(run string, event crontopus.Event) {
	w.now = w.now.Add(100 * time.Millisecond)
	w.checkIn(crontopus.CheckIn{RunID: run, Event: event, At: w.now})
}

func TestAPingThatAllIsWellRightAfterAFailure(t *testing.T) {
	w := newWorld("", pinged)
	w.until(noon.Add(time.Hour), false)
	w.ping("one", crontopus.EventFailure)
	w.ping("two", crontopus.EventSuccess)
	w.until(noon.Add(2*time.Hour), false)
	require.Equal(t, crontopus.ResolvedRecovered, w.only(t).Resolution)
	for _, run := range []string{"three", "four", "five"} { // of three failures with a success between each two
		w.ping(run, crontopus.EventFailure)
		w.ping(run+" well", crontopus.EventSuccess)
	}
	w.until(noon.Add(3*time.Hour), false)
	require.Len(t, w.incidents, 4)
	require.Nil(t, w.open(w.entry().ID))
}

func TestAPingOfAStartWithoutAnEnd(t *testing.T) {
	w := newWorld("", func(j *crontopus.Job) { pinged(j); j.Spec.Monitor.MaxDuration = crontopus.Duration(time.Minute) })
	w.until(noon.Add(time.Hour), false)
	w.ping("one", crontopus.EventStart)
	w.until(w.now.Add(59*time.Second), false)
	require.Empty(t, w.incidents)
	w.until(w.now.Add(2*time.Second), false)
	require.Equal(t, crontopus.AlertTooLong, w.only(t).Kind)
	w.ping("one", crontopus.EventSuccess)
	w.until(w.now.Add(time.Second), false)
	require.Equal(t, crontopus.ResolvedRecovered, w.only(t).Resolution)
	looks := w.looks
	w.ping("two", crontopus.EventStart)
	w.ping("two", crontopus.EventSuccess)
	w.until(noon.Add(20*time.Hour), false)
	require.Len(t, w.incidents, 1)
	require.LessOrEqual(t, w.looks-looks, 2, "what went well needs no more looks")
}

func TestPings(t *testing.T) {
	w := newWorld("", pinged)
	at := func(hours int, event crontopus.Event) {
		w.until(noon.Add(time.Duration(hours)*time.Hour), false)
		w.checkIn(crontopus.CheckIn{RunID: w.now.String(), Event: event, At: w.now})
		w.until(w.now.Add(time.Second), false)
	}
	at(20, crontopus.EventSuccess)
	w.until(noon.Add(45*time.Hour-time.Second), false)
	require.Empty(t, w.incidents, "20 h + 24 h + 1 h of grace")
	w.until(noon.Add(45*time.Hour+time.Minute), false)
	require.Equal(t, crontopus.CauseNoPing, w.only(t).Cause.Code)
	at(46, crontopus.EventSuccess)
	require.Equal(t, crontopus.ResolvedRecovered, w.only(t).Resolution)
	at(47, crontopus.EventFailure)
	require.Len(t, w.incidents, 2)
	require.Equal(t, crontopus.AlertFailed, w.incidents[1].Kind)
}
