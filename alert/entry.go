package alert

import (
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

const (
	mostDue     = 100                      // instants that one look takes up; the next look takes the rest
	mostMissed  = crontopus.MaxMissedShown // that may still be retracted
	spoolMargin = 90 * time.Second         // a heartbeat may be so much older than the deadline it speaks for
	refineFor   = 15 * time.Minute         // an agent says more than once in it what it found
)

// entry is the judgement of one job on one host, or of a job without an agent.
type entry struct {
	*judgement
	job  *crontopus.Job
	set  *schedule.Set            // nil: every
	runs map[int64]*crontopus.Run // of instants
	byID map[string]*crontopus.Run
}

func judgeEntry(l *crontopus.Look) crontopus.Verdict {
	e := &entry{judgement: begin(l, entrySubject(l))}
	e.forget()
	switch {
	case l.Watch.AgentID != "" && l.Agent == nil:
		return e.gone("the host's agent was revoked")
	case l.Job == nil:
		return e.left(causeOfRemoval(e))
	case l.Job.Job.Spec.Suspend:
		return e.left(causeOfSuspension(e, l.Job))
	}
	e.job, e.state().SourceID = &l.Job.Job, l.Job.SourceID
	if err := e.compile(); err != nil {
		return e.end() // Git says nothing that can be judged; the syncer says why
	}
	e.index()
	if l.Watch.AgentID == "" {
		e.hear()
		e.judgePings()
	} else {
		e.takeUp()
		e.hear()
		e.judgeRunning()
		e.lookNext()
	}
	e.refine()
	e.settle()
	return e.end()
}

// refine looks again why nothing ran, for a while, and takes what says more: an agent tells of an
// entry that was changed by hand when it looks at its entries next.
func (e *entry) refine() {
	in, s := e.incident(), e.state()
	if in == nil || e.Agent == nil || len(s.Missed) == 0 || e.silent() || !e.Now.Before(in.OpenedAt.Add(refineFor)) {
		return
	}
	due := s.Missed[len(s.Missed)-1]
	if e.runs[due.Unix()] != nil {
		return // the host itself has said it
	}
	e.lookBy(e.Now.Add(lookSeldom))
	cause, was := causeOfMiss(e, due, nil), &in.Cause
	if explained := was.Code == crontopus.CauseNeverStarted && cause.Code != was.Code; explained || len(cause.Sentence) > len(was.Sentence) && strings.HasPrefix(cause.Sentence, was.Sentence) {
		e.open(in.Kind, cause)
	}
}

func entrySubject(l *crontopus.Look) crontopus.Subject {
	s := crontopus.Subject{Job: l.Watch.Job}
	if l.Job != nil {
		s.Labels = l.Job.Job.Metadata.Labels
	}
	if l.Agent != nil {
		s.Agent = l.Agent.Name
	}
	return s
}

// compile reads the schedule in the zone in which the host counts. A schedule that changed is
// reckoned anew from now: what was due under the old one stays due.
func (e *entry) compile() (err error) {
	job := e.job
	if e.Agent != nil {
		if job, err = job.InZone(func() string { return e.Agent.Status.Report.Timezone }); err != nil {
			return err
		}
	}
	sign := job.Spec.Timezone + " " + job.Spec.Every.String()
	for _, expr := range job.Spec.Schedule {
		sign += "\n" + expr
	}
	s := e.state()
	if s.Since.IsZero() {
		s.Since = e.Now
	}
	if s.Schedule != sign {
		if s.Schedule != "" {
			s.Changed = e.Now
			s.Since, s.TakenUp = e.Now, e.Now
		}
		s.Schedule = sign
		s.Due = slices.DeleteFunc(s.Due, func(d time.Time) bool { return d.After(e.Now) })
	}
	if len(job.Spec.Schedule) == 0 {
		return nil
	}
	e.set, err = schedules.of(job, sign)
	return err
}

func (e *entry) index() {
	e.runs, e.byID = map[int64]*crontopus.Run{}, map[string]*crontopus.Run{}
	for _, list := range [][]crontopus.Run{e.Runs, e.Signals} {
		for i := range list {
			r := &list[i]
			e.byID[r.ID] = r
			if r.ScheduledFor != nil {
				e.runs[r.ScheduledFor.Unix()] = r
			}
		}
	}
}

// place is where a run stands in the order of an entry's runs.
func place(r *crontopus.Run) time.Time {
	switch {
	case r.ScheduledFor != nil:
		return *r.ScheduledFor
	case r.Started != nil:
		return *r.Started
	case r.Finished != nil:
		return *r.Finished
	}
	return time.Time{}
}

// place is where a run stands. Of a job that pings, a run that has ended stands where that was heard: what
// was missed while it went on is over then.
func (e *entry) place(r *crontopus.Run) time.Time {
	if e.Look.Watch.AgentID == "" && r.Finished != nil {
		return *r.Finished
	}
	return place(r)
}

// moment is something to take up in its turn: a run's newest state, or an instant without a run.
type moment struct {
	at    time.Time
	run   *crontopus.Run
	again bool // it was judged while the host was offline
}

// hear takes up what has happened since the last look, in the order of the runs: what check-ins
// told that were signals, and the instants that are waited for, with their runs or without. What is
// later than an instant of whose run the store has not been asked waits for the next look: a run
// that went well in between is no signal, and counts nevertheless.
func (e *entry) hear() {
	var list []moment
	known, signalled := e.horizon(), map[string]bool{}
	for i := range e.Signals {
		r := &e.Signals[i]
		signalled[r.ID] = true
		if at := e.place(r); at.Before(known) {
			list = append(list, moment{at: at, run: r})
		} else {
			e.Unheard = append(e.Unheard, r.ID)
			e.lookBy(e.Now)
		}
	}
	for _, d := range e.Look.Watch.State.Due {
		if r := e.runs[d.Unix()]; d.Before(known) && (r == nil || !signalled[r.ID]) {
			list = append(list, moment{at: d, run: r})
		}
	}
	for _, d := range e.takeBack() {
		list = append(list, moment{at: d, again: true})
	}
	slices.SortStableFunc(list, func(a, b moment) int { return a.at.Compare(b.at) })
	for _, m := range list {
		switch {
		case m.run != nil:
			e.heed(m.run)
		case m.again:
			if slices.ContainsFunc(e.state().OnHost, m.at.Equal) {
				e.miss(m.at, nil)
			}
		case !m.at.After(e.Now) && slices.ContainsFunc(e.state().Due, m.at.Equal):
			e.judgeInstant(m.at)
		}
	}
	for _, d := range slices.Concat(e.state().Missed, e.state().OnHost) { // a run that came while its miss was being judged was no signal
		if r := e.runs[d.Unix()]; r != nil && r.State != crontopus.RunSkipped {
			e.retracts(r)
		}
	}
}

// heed takes one run's newest state.
func (e *entry) heed(r *crontopus.Run) {
	s := e.state()
	if r.State == crontopus.RunRunning || r.State == crontopus.RunUnknown {
		e.started(r)
		return
	}
	s.Running = slices.DeleteFunc(s.Running, func(id string) bool { return id == r.ID })
	e.done(r)
	switch r.State {
	case crontopus.RunSucceeded:
		e.retracts(r)
		e.good(r)
	case crontopus.RunFailed, crontopus.RunTimedOut:
		e.retracts(r)
		e.bad(r)
	case crontopus.RunSkipped:
		e.skipped(r)
	}
}

// done takes a run's instant from those that wait for a verdict.
func (e *entry) done(r *crontopus.Run) {
	if r.ScheduledFor == nil {
		return
	}
	s := e.state()
	s.Due = slices.DeleteFunc(s.Due, func(d time.Time) bool { return d.Equal(*r.ScheduledFor) })
	if r.ScheduledFor.After(s.TakenUp) {
		s.Told = append(s.Told, *r.ScheduledFor)
		s.Told = s.Told[max(0, len(s.Told)-mostDue):]
	}
}

// started notes a run that goes on: it is late no more, and it may yet take too long.
func (e *entry) started(r *crontopus.Run) {
	e.retracts(r)
	s := e.state()
	if e.job.Spec.Monitor.MaxDuration > 0 && !slices.Contains(s.Running, r.ID) {
		s.Running = append(s.Running, r.ID)
	}
	e.done(r)
	e.begun(r)
}

// begun ends the wait for a late start.
func (e *entry) begun(r *crontopus.Run) {
	s := e.state()
	if s.Late.IsZero() || e.place(r).Before(s.Late) {
		return
	}
	why := startedWords(e, r)
	s.Late = time.Time{}
	if in := e.incident(); in != nil && in.Kind == crontopus.AlertLateStart {
		e.resolve(crontopus.ResolvedRecovered, why)
	}
}

// retracts takes back a miss that a late check-in has shown to be none.
func (e *entry) retracts(r *crontopus.Run) {
	s := e.state()
	if r.ScheduledFor == nil || e.leaveHost(*r.ScheduledFor) {
		return
	}
	n := len(s.Missed)
	s.Missed = slices.DeleteFunc(s.Missed, func(d time.Time) bool { return d.Equal(*r.ScheduledFor) })
	if len(s.Missed) == n {
		return
	}
	in := e.incident()
	if in == nil {
		return
	}
	in.Missed = slices.DeleteFunc(in.Missed, func(o crontopus.MissedRun) bool { return o.Due.Equal(*r.ScheduledFor) })
	in.MissedCount = max(0, in.MissedCount-1)
	e.changed = true
	if in.Kind == crontopus.AlertMissed && len(s.Missed) == 0 && in.MissedCount == 0 && s.Failures == 0 {
		e.resolve(crontopus.ResolvedRetracted, retractedWords(e, r))
	}
}

// good counts a run that went well.
func (e *entry) good(r *crontopus.Run) {
	e.begun(r)
	e.endTooLong(r, recoveredWords(e, r))
	s := e.state()
	if at := e.place(r); at.Before(s.LastBad) || at.After(e.Now.Add(clockTolerance)) {
		return // it tells nothing of what is wrong now, or its clock is
	}
	s.Successes++
	in := e.incident()
	if in == nil || in.Kind == crontopus.AlertTooLong {
		s.Failures = 0
	}
	if in == nil || s.Successes < e.recoverAfter(in) || in.Kind == crontopus.AlertTooLong && !e.ends(r) {
		return
	}
	s.Failures, s.Missed = 0, nil
	e.resolve(crontopus.ResolvedRecovered, recoveredWords(e, r))
}

// endTooLong ends the incident of a run that took too long once that has ended, however, unless it comes
// and goes.
func (e *entry) endTooLong(r *crontopus.Run, why string) {
	if in := e.incident(); in != nil && in.Kind == crontopus.AlertTooLong && !in.Flapping && e.ends(r) {
		e.resolve(crontopus.ResolvedRecovered, why)
	}
}

func (e *entry) recoverAfter(in *crontopus.Incident) int {
	n := 1
	if in.Kind != crontopus.AlertTooLong { // which ends with the run
		for _, p := range e.policies(in.Kind) {
			n = max(n, p.Spec.RecoverAfter)
		}
	}
	if in.Flapping {
		n = max(n, flapRecovery)
	}
	return n
}

// bad counts a run that failed.
func (e *entry) bad(r *crontopus.Run) {
	e.begun(r)
	s := e.state()
	s.Failures++
	s.Successes = 0
	if at := e.place(r); at.After(s.LastBad) {
		s.LastBad = at
	}
	in := e.incident()
	if in == nil && s.Failures < e.afterFailures() {
		return
	}
	if in != nil && in.Kind == crontopus.AlertTooLong && s.Failures < e.afterFailures() {
		if e.ends(r) {
			e.resolve(crontopus.ResolvedRecovered, "the run that took too long has ended")
		}
		return
	}
	e.open(crontopus.AlertFailed, causeOfFailure(e, r))
	e.current.Failures = s.Failures
}

func (e *entry) afterFailures() int {
	n := 0
	for _, p := range e.policies(crontopus.AlertFailed) {
		if n == 0 || p.Spec.AfterFailures < n {
			n = p.Spec.AfterFailures
		}
	}
	return max(n, 1)
}

// skipped takes word that a run did not begin: a miss that is known before its grace is over,
// unless Git or a person meant it.
func (e *entry) skipped(r *crontopus.Run) {
	if r.Reason == crontopus.ReasonCalledOff || r.Reason == crontopus.ReasonReplaced || r.ScheduledFor == nil {
		return
	}
	e.miss(*r.ScheduledFor, r)
}

// missedRun names an instant at which nothing ran.
func (e *entry) missedRun(due time.Time) crontopus.MissedRun {
	return crontopus.MissedRun{Job: e.subject.Job, Agent: e.subject.Agent, Due: due}
}

// miss notes an instant at which nothing ran; r is what says so, if anything does. What the
// host's absence explains belongs to the host's incident.
func (e *entry) miss(due time.Time, r *crontopus.Run) {
	s := e.state()
	if slices.ContainsFunc(s.Missed, due.Equal) {
		return
	}
	e.lookBy(e.Now.Add(recentlyAgain))
	if host := e.absence(due); r == nil && host != "" {
		e.missOnHost(host, due)
		return
	}
	e.leaveHost(due)
	s.Missed = append(s.Missed, due)
	s.Missed = s.Missed[max(0, len(s.Missed)-mostMissed):]
	s.Successes = 0
	if due.After(s.LastBad) {
		s.LastBad = due
	}
	e.open(crontopus.AlertMissed, causeOfMiss(e, due, r))
	in := e.current
	in.Missed = append(in.Missed, e.missedRun(due))
	in.Missed = in.Missed[max(0, len(in.Missed)-mostMissed):]
	in.MissedCount++
}

// settle says whether every check-in is to be a signal from now on.
func (e *entry) settle() {
	s := e.state()
	if s.Host != "" && e.hostTold() {
		s.OnHost, s.Host = nil, ""
	}
	if in := e.incident(); in != nil {
		e.suppress(in)
	} else {
		s.Missed = nil
	}
	e.Verdict.Watch.Alert = e.incident() != nil || s.Failures > 0 || len(s.Missed) > 0 || len(s.OnHost) > 0 || len(s.Running) > 0 || !s.Late.IsZero() || e.expectant() || e.unannounced()
}
