package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// soon is after everything that stores stamped with their own clock.
func soon() time.Time { return time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond) }

// look has everything that is due looked at and returns what was seen. judge may be nil: each
// watch is then to be looked at a day later.
func look(t testing.TB, s *store.Store, now time.Time, judge func(*crontopus.Look) crontopus.Verdict) (seen []crontopus.Look) {
	_, err := s.SystemLook(t.Context(), now, 1000, func(looks []crontopus.Look) (verdicts []crontopus.Verdict) {
		seen = slices.Clone(looks)
		for i := range looks {
			v := crontopus.Verdict{Watch: looks[i].Watch}
			if judge != nil {
				v = judge(&looks[i])
			}
			if !v.Watch.LookAt.After(now) {
				v.Watch.LookAt = now.Add(24 * time.Hour)
			}
			verdicts = append(verdicts, v)
		}
		return verdicts
	})
	require.NoError(t, err)
	return seen
}

// of returns the look at a watch, nil if it was not looked at.
func of(looks []crontopus.Look, id string) *crontopus.Look {
	i := slices.IndexFunc(looks, func(l crontopus.Look) bool { return l.Watch.ID == id })
	if i < 0 {
		return nil
	}
	return &looks[i]
}

// incident is an open one of a watch.
func incident(w *crontopus.Watch, kind crontopus.AlertKind, now time.Time) crontopus.Incident {
	return crontopus.Incident{ID: uuid.NewString(), Tenant: w.Tenant, WatchID: w.ID, Kind: kind, State: crontopus.IncidentOpen,
		Subject: crontopus.Subject{Job: w.Job}, OpenedAt: now, ChangedAt: now, Cause: crontopus.Cause{Code: crontopus.CauseUnknown, Sentence: "it is so"}}
}

var lookCases = cases{
	"an entry is watched once it is published, with its job, its agent and its source": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		looks := look(t, s, soon(), nil)
		l := of(looks, crontopus.EntryWatchID(named("backup"), a.ID))
		require.NotNil(t, l)
		require.Equal(t, named("backup"), l.Job.Job.Name())
		require.Equal(t, a.Name, l.Agent.Name)
		require.Equal(t, w.get("ops").URL, l.SourceURL)
		require.NotNil(t, l.Alerting)
		require.NotNil(t, of(looks, crontopus.AgentWatchID(a.ID)).Agent)
		require.Equal(t, "ops", of(looks, crontopus.SourceWatchID(w.get("ops").ID)).Source.Name)
		require.Empty(t, look(t, s, soon(), nil), "each has been looked at")
	},
	"what leaves the bundle, and a host that is revoked, are looked at without a job and an agent": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		look(t, s, soon(), nil)
		w.publish(a, 2)
		l := of(look(t, s, soon(), nil), crontopus.EntryWatchID(named("backup"), a.ID))
		require.NotNil(t, l)
		require.Nil(t, l.Job)
		require.Equal(t, named("backup"), l.Left.Job.Name(), "Git has it still")
		require.Nil(t, l.Source, "nobody remembers which source said it")
		w.sync(w.get("ops"), "report")
		l = of(look(t, s, soon(), func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.State.SourceID = w.get("ops").ID
			return crontopus.Verdict{Watch: l.Watch}
		}), l.Watch.ID)
		require.Nil(t, l.Left)
		require.Equal(t, "ops", of(look(t, s, soon().Add(25*time.Hour), nil), l.Watch.ID).Source.Name)
		_, err := s.RevokeAgent(t.Context(), here, actor, a.Name, t0)
		require.NoError(t, err)
		require.Nil(t, of(look(t, s, soon(), nil), crontopus.AgentWatchID(a.ID)).Agent)
	},
	"a run that failed is a signal, once; one that went well only where something is wrong": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		look(t, s, soon(), nil)
		id := crontopus.EntryWatchID(named("backup"), a.ID)
		w.record(a.ID, checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventSuccess))
		require.Empty(t, look(t, s, soon(), nil))
		failed := checkIn("backup", crontopus.EventFailure)
		failed.Output = []byte("no such table")
		w.record(a.ID, failed)
		seen := look(t, s, soon(), func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.Alert = true
			return crontopus.Verdict{Watch: l.Watch}
		})
		require.Len(t, seen, 1)
		require.Equal(t, id, seen[0].Watch.ID)
		require.Len(t, seen[0].Signals, 1)
		require.Equal(t, []byte("no such table"), seen[0].Signals[0].Output)
		w.record(a.ID, failed)
		require.Empty(t, look(t, s, soon(), nil), "saying it again is no news")
		w.record(a.ID, checkIn("backup", crontopus.EventSuccess))
		seen = look(t, s, soon(), nil)
		require.Len(t, seen, 1)
		require.Equal(t, crontopus.RunSucceeded, seen[0].Signals[0].State)
		require.NotNil(t, seen[0].Newest)
	},
	"what goes well before anybody has looked at a failure is a signal, too": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		look(t, s, soon(), nil)
		fails, goes := checkIn("backup", crontopus.EventFailure), checkIn("backup", crontopus.EventSuccess)
		w.record(a.ID, fails)
		w.record(a.ID, goes)
		quiet := func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.Alert = false
			return crontopus.Verdict{Watch: l.Watch}
		}
		seen := look(t, s, soon(), quiet)
		require.Len(t, seen, 1)
		require.Len(t, seen[0].Signals, 2)
		w.record(a.ID, checkIn("backup", crontopus.EventSuccess))
		require.Empty(t, look(t, s, soon(), nil), "nothing is wrong any more")
		w.record(a.ID, checkIn("backup", crontopus.EventSuccess), checkIn("backup", crontopus.EventFailure))
		seen = look(t, s, soon(), quiet)
		require.Len(t, seen, 1)
		require.Len(t, seen[0].Signals, 2, "also of one batch")
	},
	"a start that comes after the end of its run is no news": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		wrong := func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.Alert = true // so that what goes well is a signal, too
			return crontopus.Verdict{Watch: l.Watch}
		}
		look(t, s, soon(), wrong)
		for _, ended := range []crontopus.Event{crontopus.EventFailure, crontopus.EventTimeout, crontopus.EventSuccess} {
			end := checkIn("backup", ended)
			w.record(a.ID, end)
			seen := look(t, s, soon(), wrong)
			require.Len(t, seen, 1, ended)
			require.Len(t, seen[0].Signals, 1, ended)
			start := end
			start.Event, start.At = crontopus.EventStart, end.At.Add(-time.Minute)
			w.record(a.ID, start)
			require.Empty(t, look(t, s, soon(), wrong), "%s was counted already", ended)
			run, err := s.Run(t.Context(), here, end.RunID)
			require.NoError(t, err)
			require.Equal(t, crontopus.Duration(time.Minute), run.Duration, "it is recorded all the same")
		}
	},
	"a check-in of a job that pings whose clock is ahead was not heard in the future": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		outcome := w.outcome(src, "backup")
		outcome.Desired.Jobs[0].Job.Spec.Target = crontopus.Target{Ping: true}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, outcome))
		ahead := checkIn("backup", crontopus.EventStart)
		for i, event := range []crontopus.Event{crontopus.EventStart, crontopus.EventSuccess} {
			ahead.Event, ahead.At = event, time.Now().AddDate(10, 0, 0)
			w.record("", ahead)
			l := of(look(t, s, soon(), func(l *crontopus.Look) crontopus.Verdict {
				l.Watch.Alert, l.Watch.State.Running = true, []string{ahead.RunID} // so that the next is looked at, too
				return crontopus.Verdict{Watch: l.Watch}
			}), crontopus.EntryWatchID(named("backup"), ""))
			runs := append(append([]crontopus.Run{*l.Newest}, l.Signals...), l.Runs...)
			require.Len(t, runs, 1+2*i, "the newest; then also a signal, and one that is waited for")
			for _, run := range runs {
				require.Equal(t, ahead.RunID, run.ID)
				for _, at := range []*time.Time{run.Started, run.Finished} {
					if at != nil {
						require.WithinDuration(t, time.Now(), *at, time.Hour, event)
					}
				}
			}
		}
	},
	"the runs of the instants that a watch waits for are seen": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		now := soon()
		look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.State.Due, l.Watch.LookAt = []time.Time{t0, t0.Add(time.Hour)}, now.Add(time.Minute)
			return crontopus.Verdict{Watch: l.Watch}
		})
		due := t0
		c := checkIn("backup", crontopus.EventStart)
		c.ScheduledFor = &due
		w.record(a.ID, c)
		l := of(look(t, s, now.Add(time.Hour), nil), crontopus.EntryWatchID(named("backup"), a.ID))
		require.Equal(t, []time.Time{t0, t0.Add(time.Hour)}, l.Watch.State.Due)
		require.Len(t, l.Runs, 1)
		require.Equal(t, c.RunID, l.Runs[0].ID)
	},
	"an incident is open until it is resolved, and its host's is seen with its entries": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		now := soon()
		host := crontopus.AgentWatchID(a.ID)
		var of1, of2 crontopus.Incident
		look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			v.Watch.LookAt = now.Add(time.Minute)
			switch l.Watch.ID {
			case host:
				of1 = incident(&l.Watch, crontopus.AlertAgentOffline, now)
				v.Incidents = []crontopus.Incident{of1}
				v.Events = []crontopus.IncidentEvent{{ID: uuid.NewString(), Incident: of1.ID, At: now, What: "opened"}}
			case crontopus.EntryWatchID(named("backup"), a.ID):
				of2 = incident(&l.Watch, crontopus.AlertFailed, now)
				v.Incidents = []crontopus.Incident{of2}
			}
			return v
		})
		missed := crontopus.MissedRun{Job: named("backup"), Agent: a.Name, Due: t0}
		seen := look(t, s, now.Add(time.Hour), func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			v.Watch.LookAt = now.Add(2 * time.Hour)
			if l.Watch.Kind == crontopus.WatchEntry {
				at, next := l.Now, incident(&l.Watch, crontopus.AlertMissed, l.Now)
				in := *l.Incident
				in.ResolvedAt = &at
				v.Incidents = []crontopus.Incident{in, next}
				v.Hosts = []crontopus.MissedOnHost{{Incident: l.Host.ID, Missed: []crontopus.MissedRun{missed}}}
			}
			return v
		})
		entry := of(seen, crontopus.EntryWatchID(named("backup"), a.ID))
		require.Equal(t, of2.ID, entry.Incident.ID)
		require.Equal(t, of1.ID, entry.Host.ID)
		seen = look(t, s, now.Add(3*time.Hour), func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			v.Watch.LookAt = now.Add(4 * time.Hour)
			if l.Watch.Kind == crontopus.WatchEntry {
				v.Hosts = []crontopus.MissedOnHost{{Incident: l.Host.ID, Retracted: []crontopus.MissedRun{missed}}}
			}
			return v
		})
		require.Equal(t, crontopus.AlertMissed, of(seen, crontopus.EntryWatchID(named("backup"), a.ID)).Incident.Kind, "the next one")
		require.Equal(t, []crontopus.MissedRun{missed}, of(seen, host).Incident.Missed)
		require.Equal(t, 1, of(seen, host).Incident.MissedCount)
		require.Zero(t, of(look(t, s, now.Add(5*time.Hour), nil), host).Incident.MissedCount)
	},
	"a host that is back has what it missed looked at, which sees its absence": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		other := w.agent("db-02")
		w.publish(other, 1, "backup")
		now, entry := soon(), crontopus.EntryWatchID(named("backup"), a.ID)
		look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			v.Watch.Alert = true
			v.Watch.LookAt = now.AddDate(0, 0, 1)
			if v.Watch.ID == crontopus.AgentWatchID(a.ID) {
				v.Incidents = []crontopus.Incident{incident(&l.Watch, crontopus.AlertAgentOffline, now)}
				v.Watch.LookAt = now.Add(time.Minute)
			}
			return v
		})
		now = now.Add(time.Hour)
		back := crontopus.Absence{Since: now.Add(-time.Hour), Until: now}
		looks := look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			in := *l.Incident
			back.Incident, in.ResolvedAt = in.ID, &now
			l.Watch.State.Away = []crontopus.Absence{back}
			return crontopus.Verdict{Watch: l.Watch, Incidents: []crontopus.Incident{in}}
		})
		require.Len(t, looks, 1)
		missed := crontopus.MissedRun{Job: named("backup"), Agent: a.Name, Due: now.Add(-time.Minute)}
		looks = look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			return crontopus.Verdict{Watch: l.Watch, Hosts: []crontopus.MissedOnHost{{Incident: back.Incident, Missed: []crontopus.MissedRun{missed}}}}
		})
		require.Len(t, looks, 1, "entries of other hosts lie still")
		require.Equal(t, []crontopus.Absence{back}, of(looks, entry).Away)
		require.Nil(t, of(looks, entry).Host)
		story, err := s.Incident(t.Context(), crontopus.DefaultTenant, back.Incident)
		require.NoError(t, err)
		require.Equal(t, []crontopus.MissedRun{missed}, story.Missed, "also of an incident that is over")
	},
	"what is gone is not watched any more": func(t *testing.T, s *store.Store) {
		running(t, s)
		now := soon()
		look(t, s, now, func(l *crontopus.Look) crontopus.Verdict { return crontopus.Verdict{Watch: l.Watch, Gone: true} })
		require.Empty(t, look(t, s, now.AddDate(1, 0, 0), nil))
		require.NoError(t, s.SystemAdopt(t.Context(), now))
		require.Len(t, look(t, s, now, nil), 3, "but what nobody gave up is watched again")
		require.NoError(t, s.SystemAdopt(t.Context(), now))
		require.Empty(t, look(t, s, now, nil))
	},
	"a heartbeat and a report are news of an agent that something is wrong with": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		now := soon()
		look(t, s, now, nil)
		beat := []crontopus.Heartbeat{{Tenant: here, AgentID: a.ID, At: now}}
		require.NoError(t, s.SystemHeartbeats(t.Context(), beat))
		require.Empty(t, look(t, s, now, nil), "all is well")
		require.NoError(t, s.SaveReport(t.Context(), here, a.ID, crontopus.AgentReport{At: now}))
		seen := look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.Alert = true
			return crontopus.Verdict{Watch: l.Watch}
		})
		require.Len(t, seen, 1)
		require.NoError(t, s.SystemHeartbeats(t.Context(), beat))
		require.Len(t, look(t, s, now, nil), 1)
	},
	"a source is looked at when it is not ready, and when it is again": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		now := soon()
		look(t, s, now, nil)
		src := w.get("ops")
		w.sync(src, "backup")
		require.Nil(t, of(look(t, s, now, nil), crontopus.SourceWatchID(src.ID)))
		require.NoError(t, s.StallSource(t.Context(), here, src.ID, crontopus.ReasonSealBroken, "broken", now))
		seen := look(t, s, now, func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.Alert = true
			return crontopus.Verdict{Watch: l.Watch}
		})
		require.NotNil(t, of(seen, crontopus.SourceWatchID(src.ID)))
		mended := w.outcome(src, "backup")
		mended.Rewrite = true
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, mended))
		require.NotNil(t, of(look(t, s, now, nil), crontopus.SourceWatchID(src.ID)))
	},
	"an incident is suppressed by what is open as it is decided who is told": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, a := w.source("ops"), w.agent("db-01")
		outcome := w.outcome(src, "child", "one", "two")
		for i := range outcome.Desired.Jobs {
			if j := &outcome.Desired.Jobs[i].Job; j.Metadata.Name == "child" {
				j.Spec.Monitor.DependsOn = []string{"one", "two"}
			}
		}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, outcome))
		w.publish(a, 1, "child", "one", "two")
		now, open := soon(), map[string]bool{}
		judge := func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			v.Watch.LookAt = now.Add(time.Minute)
			in := l.Incident
			switch wrong := open[l.Watch.Job.Name]; {
			case l.Watch.Kind != crontopus.WatchEntry || !wrong && in == nil:
				return v
			case in == nil:
				made := incident(&l.Watch, crontopus.AlertFailed, now)
				in = &made
			case !wrong:
				in.State, in.ResolvedAt = crontopus.IncidentResolved, new(now)
			}
			v.Incidents = []crontopus.Incident{*in}
			return v
		}
		for i, test := range []struct {
			open []string
			by   string
		}{
			{[]string{"child"}, ""},
			{[]string{"child", "one"}, "one"},
			{[]string{"child", "one", "two"}, "one"},
			{[]string{"child", "two"}, "two"},
			{[]string{"child"}, ""},
		} {
			clear(open)
			for _, name := range test.open {
				open[name] = true
			}
			now = now.Add(time.Hour)
			look(t, s, now, judge) // what it says of parents is of the moment before
			_, err := s.SystemRoute(t.Context(), now, 10, func(list []crontopus.Case) (decisions []crontopus.Decision) {
				for _, c := range list {
					if decisions = append(decisions, crontopus.Decision{Incident: c.Incident}); c.Incident.Subject.Job != named("child") {
						continue
					}
					by := ""
					if c.Parent != nil {
						by = c.Parent.Subject.Job.Name
					}
					require.Equal(t, test.by, by, "situation %d", i)
				}
				return decisions
			})
			require.NoError(t, err)
		}
	},
	"who is told of an incident is decided once, and again when it changes": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		now := soon()
		open := func(l *crontopus.Look) crontopus.Verdict {
			v := crontopus.Verdict{Watch: l.Watch}
			if v.Watch.LookAt = now.Add(time.Minute); l.Watch.ID == crontopus.AgentWatchID(a.ID) {
				in := incident(&l.Watch, crontopus.AlertAgentOffline, now)
				if l.Incident != nil {
					in = *l.Incident
				}
				v.Incidents = []crontopus.Incident{in}
			}
			return v
		}
		look(t, s, now, open)
		again := now.Add(time.Hour)
		decide := func(at time.Time) (cases []crontopus.Case) {
			_, err := s.SystemRoute(t.Context(), at, 10, func(list []crontopus.Case) (decisions []crontopus.Decision) {
				cases = slices.Clone(list)
				for i := range list {
					in := list[i].Incident
					decisions = append(decisions, crontopus.Decision{Incident: in, RouteAt: &again,
						Routing: crontopus.Routing{Told: map[string]crontopus.Told{"ops/chat": {What: crontopus.NotifyOpened, At: at, Kind: in.Kind}}},
						Events:  []crontopus.IncidentEvent{{ID: uuid.NewString(), Incident: in.ID, At: at, What: "notified"}},
						Notify: []crontopus.Notification{{ID: uuid.NewString(), Tenant: in.Tenant, Incident: in.ID, Channel: crontopus.JobName{Namespace: "ops", Name: "chat"},
							What: crontopus.NotifyOpened, At: at, State: crontopus.NotificationPending, Attempts: []crontopus.Attempt{}}}})
				}
				return decisions
			})
			require.NoError(t, err)
			return cases
		}
		cases := decide(now)
		require.Len(t, cases, 1)
		require.Empty(t, cases[0].Routing.Told)
		told, err := s.Notifications(t.Context(), here, cases[0].Incident.ID)
		require.NoError(t, err)
		require.Len(t, told, 1)
		require.Empty(t, decide(now.Add(time.Second)), "not before its time")
		look(t, s, now.Add(time.Minute), open)
		cases = decide(now.Add(time.Minute))
		require.Len(t, cases, 1, "but when the detector has news of it")
		require.Equal(t, crontopus.NotifyOpened, cases[0].Routing.Told["ops/chat"].What, "what was decided before is known")
	},
	"the time without anybody to answer agents does not count": func(t *testing.T, s *store.Store) {
		running(t, s)
		now := soon()
		require.NoError(t, s.SystemServing(t.Context(), now))
		require.NoError(t, s.SystemServing(t.Context(), now.Add(30*time.Second)))
		later := now.Add(40 * time.Second)
		seen := look(t, s, later, func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.LookAt = later.Add(time.Second)
			return crontopus.Verdict{Watch: l.Watch}
		})
		require.Equal(t, now, seen[0].UpSince)
		away := later.Add(time.Hour)
		seen = look(t, s, away, func(l *crontopus.Look) crontopus.Verdict {
			l.Watch.LookAt = away.Add(time.Second)
			return crontopus.Verdict{Watch: l.Watch}
		})
		require.Equal(t, away, seen[0].UpSince, "nobody answers now")
		require.NoError(t, s.SystemServing(t.Context(), away))
		seen = look(t, s, away.Add(10*time.Second), nil)
		require.Equal(t, away, seen[0].UpSince)
	},
}
