package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
)

// noon is when the stories begin: a Tuesday.
var noon = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// world is one host with one job, as the store would show them to the detector.
type world struct {
	now       time.Time
	upSince   time.Time
	job       crontopus.DesiredJob
	noJob     bool
	agent     *crontopus.Agent // nil: the job is monitored by pings
	expires   time.Time
	policies  []crontopus.AlertPolicy
	parents   []crontopus.Incident
	watches   map[string]*crontopus.Watch
	runs      map[string]crontopus.Run
	signals   map[string]bool // run ids
	incidents []crontopus.Incident
	looks     int
}

const entryID = "entry/default/backup/a1"

// newWorld has the job backup on db-01, due at the expression's times.
func newWorld(schedule string, change func(*crontopus.Job)) *world {
	w := &world{now: noon, upSince: noon.Add(-time.Hour), runs: map[string]crontopus.Run{}, signals: map[string]bool{}, expires: noon.AddDate(1, 0, 0)}
	job := crontopus.Job{Metadata: crontopus.Metadata{Name: "backup", Labels: map[string]string{"tier": "critical"}},
		Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{schedule}, Target: crontopus.Target{All: true}, Run: crontopus.RunSpec{Command: []string{"/bin/true"}}}}
	if change != nil {
		change(&job)
	}
	job.SetDefaults()
	w.job = crontopus.DesiredJob{Job: job, Revision: "main@sha1:1", Commit: crontopus.Commit{Hash: "0123456789abcdef", Author: "Ada", Subject: "dump at night", At: noon.AddDate(0, 0, -7)}}
	agentID := ""
	if !job.Spec.Target.Ping {
		agentID = "a1"
		seen := noon
		w.agent = &crontopus.Agent{ID: "a1", Name: "db-01", Labels: map[string]string{"role": "db"}, EnrolledAt: noon.AddDate(0, -1, 0),
			Status: crontopus.AgentStatus{LastSeenAt: &seen, SpoolDrained: &seen, Report: crontopus.AgentReport{At: noon, ReceivedAt: noon, Version: "1.0"}}}
	}
	entry := &crontopus.Watch{ID: crontopus.EntryWatchID(job.Name(), agentID), Kind: crontopus.WatchEntry, Job: job.Name(), AgentID: agentID, LookAt: noon}
	w.watches = map[string]*crontopus.Watch{entry.ID: entry}
	if w.agent != nil {
		host := &crontopus.Watch{ID: crontopus.AgentWatchID("a1"), Kind: crontopus.WatchAgent, AgentID: "a1", LookAt: noon}
		w.watches[host.ID] = host
	}
	return w
}

func (w *world) entry() *crontopus.Watch {
	for _, watch := range w.watches {
		if watch.Kind == crontopus.WatchEntry {
			return watch
		}
	}
	return nil
}

// beat is a heartbeat of the agent, whose spool is drained.
func (w *world) beat() {
	at := w.now
	w.agent.Status.LastSeenAt, w.agent.Status.SpoolDrained = &at, &at
	if host := w.watches[crontopus.AgentWatchID("a1")]; host.Alert && host.LookAt.After(at) {
		host.LookAt = at
	}
}

// report is one of the agent.
func (w *world) report(change func(*crontopus.AgentReport)) {
	w.beat()
	r := &w.agent.Status.Report
	r.At, r.ReceivedAt = w.now, w.now
	change(r)
	w.watches[crontopus.AgentWatchID("a1")].LookAt = w.now
}

// checkIn takes one in, as the store does.
func (w *world) checkIn(c crontopus.CheckIn) {
	c.Job = w.job.Job.Name()
	r, known := w.runs[c.RunID]
	changed := true
	if known {
		was := r
		changed = r.Apply(c) && (!was.Ended() || was.State != r.State) // a start after the end is no news
	} else {
		agent := ""
		if w.agent != nil {
			agent = w.agent.Name
		}
		r = crontopus.NewRun(c, agent)
	}
	w.runs[c.RunID] = r
	watch := w.entry()
	if watch != nil && changed && (watch.Alert || r.Ended() && r.State != crontopus.RunSucceeded) {
		w.signals[r.ID] = true
		watch.LookAt, watch.Alert = w.now, true
	}
}

// run is a whole run for an instant that takes a second; event is how it ends.
func (w *world) run(due time.Time, event crontopus.Event, change ...func(*crontopus.CheckIn)) {
	id := fmt.Sprintf("%s/%d", due.Format(time.RFC3339), len(w.runs))
	end := crontopus.CheckIn{RunID: id, Event: event, At: w.now, ScheduledFor: &due}
	if event == crontopus.EventFailure {
		code := 3
		end.ExitCode = &code
	}
	for _, f := range change {
		f(&end)
	}
	if event != crontopus.EventSkipped && event != crontopus.EventStart {
		w.checkIn(crontopus.CheckIn{RunID: id, Event: crontopus.EventStart, At: w.now, ScheduledFor: &due})
	}
	w.checkIn(end)
}

// until lets time pass, with heartbeats every half minute if the host is up, and looks when it is time.
func (w *world) until(end time.Time, up bool) {
	nextBeat := w.now
	for {
		next := end
		for _, watch := range w.watches {
			if watch.LookAt.Before(next) {
				next = watch.LookAt
			}
		}
		if up && w.agent != nil && nextBeat.Before(next) {
			next = nextBeat
		}
		if next.After(w.now) {
			w.now = next
		}
		if up && w.agent != nil && !nextBeat.After(w.now) {
			w.beat()
			nextBeat = w.now.Add(30 * time.Second)
		}
		w.look()
		if !w.now.Before(end) {
			return
		}
	}
}

// look judges every watch whose time has come.
func (w *world) look() {
	for _, id := range slices.Sorted(mapsKeys(w.watches)) { // agents before entries
		watch := w.watches[id]
		if watch.LookAt.After(w.now) {
			continue
		}
		w.looks++
		l := w.see(watch)
		v := alert.Judge(&l)
		w.keep(&v)
	}
}

func mapsKeys(m map[string]*crontopus.Watch) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (w *world) see(watch *crontopus.Watch) crontopus.Look {
	l := crontopus.Look{Watch: *watch, Now: w.now, UpSince: w.upSince, Agent: w.agent, Expires: w.expires,
		Alerting: &crontopus.Alerting{Policies: w.policies}, SourceURL: "https://git.example.com/ops/jobs.git", Incident: w.open(watch.ID)}
	if watch.Kind == crontopus.WatchAgent {
		return l
	}
	if !w.noJob {
		job := w.job
		l.Job = &job
	}
	l.Host = w.open(crontopus.AgentWatchID("a1"))
	if host := w.watches[crontopus.AgentWatchID("a1")]; host != nil {
		l.Away = host.State.Away
	}
	l.Parents = w.parents
	wanted := slices.Concat(watch.State.Due, watch.State.Missed, watch.State.OnHost)
	var ids []string
	for id := range w.runs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		r := w.runs[id]
		if slices.Contains(watch.State.Running, id) || r.ScheduledFor != nil && slices.ContainsFunc(wanted, r.ScheduledFor.Equal) {
			l.Runs = append(l.Runs, r)
		}
		if w.signals[id] {
			l.Signals = append(l.Signals, r)
		}
		if l.Newest == nil || newer(&r, l.Newest) {
			l.Newest = &r
		}
	}
	clear(w.signals)
	return l
}

func newer(a, b *crontopus.Run) bool {
	at := func(r *crontopus.Run) time.Time {
		if r.Started != nil {
			return *r.Started
		}
		if r.Finished != nil {
			return *r.Finished
		}
		return time.Time{}
	}
	return at(a).After(at(b))
}

func (w *world) open(watchID string) *crontopus.Incident {
	for i := range w.incidents {
		if in := w.incidents[i]; in.WatchID == watchID && in.Open() {
			return &in
		}
	}
	return nil
}

func (w *world) keep(v *crontopus.Verdict) {
	for _, id := range v.Unheard {
		w.signals[id] = true
	}
	if v.Gone {
		delete(w.watches, v.Watch.ID)
	} else {
		*w.watches[v.Watch.ID] = v.Watch
	}
	for _, in := range v.Incidents {
		i := slices.IndexFunc(w.incidents, func(o crontopus.Incident) bool { return o.ID == in.ID })
		if i < 0 {
			w.incidents = append(w.incidents, in)
		} else {
			w.incidents[i] = in
		}
	}
	for j := range v.Hosts {
		i := slices.IndexFunc(w.incidents, func(o crontopus.Incident) bool { return o.ID == v.Hosts[j].Incident })
		w.incidents[i].Move(&v.Hosts[j])
	}
	if in := v.Incidents; v.Watch.Kind == crontopus.WatchAgent && len(in) > 0 && in[0].Kind == crontopus.AlertAgentOffline && !in[0].Open() {
		w.entry().LookAt = w.now // the host is back
	}
}

// only returns the one incident that there ever was.
func (w *world) only(t *testing.T) crontopus.Incident {
	t.Helper()
	require.Len(t, w.incidents, 1, "%+v", w.incidents)
	return w.incidents[0]
}
