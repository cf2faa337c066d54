package alert

import (
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

const (
	idleLook      = 24 * time.Hour // for a watch that nothing is expected of: a signal wakes it sooner
	flapWindow    = time.Hour
	flapCount     = 3 // incidents of one watch within flapWindow before the next one counts as flapping
	flapRecovery  = 3 // good runs in a row that end a flapping incident
	recentlyAgain = 20 * time.Second
)

// judgement is a verdict as it is being found.
type judgement struct {
	*crontopus.Look
	crontopus.Verdict
	subject  crontopus.Subject
	current  *crontopus.Incident // the open one, or one that this look ended
	changed  bool                // current is to be kept
	byHand   bool                // a person resolved the last one since the last look
	nextLook time.Time
}

func begin(l *crontopus.Look, subject crontopus.Subject) *judgement {
	j := &judgement{Look: l, Verdict: crontopus.Verdict{Watch: l.Watch}, subject: subject}
	s := j.state() // which is changed in place
	for _, list := range []*[]time.Time{&s.Due, &s.Told, &s.Missed, &s.OnHost, &s.Recent} {
		*list = slices.Clone(*list)
	}
	s.Running, s.Away = slices.Clone(s.Running), slices.Clone(s.Away)
	if l.Incident == nil && s.Incident != "" {
		j.byHand, s.Incident = true, ""
	}
	if l.Incident != nil {
		open := *l.Incident
		open.Missed = slices.Clone(open.Missed)
		j.current = &open
	}
	j.nextLook = l.Now.Add(idleLook)
	return j
}

// state is the watch's, to be changed.
func (j *judgement) state() *crontopus.WatchState { return &j.Verdict.Watch.State }

// incident is the open one, nil where there is none.
func (j *judgement) incident() *crontopus.Incident {
	if j.current != nil && j.current.Open() {
		return j.current
	}
	return nil
}

// lookBy asks for another look at an instant, or sooner.
func (j *judgement) lookBy(at time.Time) {
	if at.Before(j.nextLook) {
		j.nextLook = at
	}
}

// end completes the verdict.
func (j *judgement) end() crontopus.Verdict {
	w := &j.Verdict.Watch
	if !j.nextLook.After(j.Now) {
		j.nextLook = j.Now.Add(time.Millisecond) // at once, in another transaction
	}
	w.LookAt = j.nextLook
	j.keep()
	return j.Verdict
}

// keep puts the incident into the verdict.
func (j *judgement) keep() {
	if j.changed {
		j.Incidents = append(j.Incidents, *j.current)
	}
	j.changed = false
}

// policies are those that apply to a condition of the kind.
func (j *judgement) policies(kind crontopus.AlertKind) []crontopus.AlertPolicy {
	return j.Alerting.Applying(kind, &j.subject)
}

// dismissed reports whether a person resolved a condition of this cause by hand, and it has held
// ever since: it is not opened again before it has ended once.
func (j *judgement) dismissed(kind crontopus.AlertKind, cause *crontopus.Cause) bool {
	if j.Look.Watch.Kind == crontopus.WatchEntry {
		return false // forget has seen to it
	}
	sign := string(kind) + " " + cause.Code
	if j.byHand { // what holds at the first look is what the person meant
		j.byHand, j.state().Dismissed = false, sign
	}
	return j.state().Dismissed == sign
}

// forget lets what went wrong with an entry count no more, once a person has resolved it by hand.
func (j *judgement) forget() {
	if s := j.state(); j.byHand {
		s.Failures, s.Successes, s.Missed, s.Running, s.Late = 0, 0, nil, nil, time.Time{}
	}
}

// open begins an incident, or makes the open one of this kind and cause.
func (j *judgement) open(kind crontopus.AlertKind, cause crontopus.Cause) {
	in := j.incident()
	if in == nil && j.dismissed(kind, &cause) {
		return
	}
	if in == nil {
		j.keep()
		s := j.state()
		s.Recent = slices.DeleteFunc(s.Recent, func(t time.Time) bool { return j.Now.Sub(t) > flapWindow || t.After(j.Now) })
		in = &crontopus.Incident{ID: newID(j.Now), Tenant: j.Look.Watch.Tenant, WatchID: j.Look.Watch.ID, Kind: kind, State: crontopus.IncidentOpen,
			Subject: j.subject, Severity: crontopus.DefaultSeverity, OpenedAt: j.Now, Flapping: len(s.Recent) >= flapCount}
		s.Recent = append(s.Recent, j.Now)
		s.Incident = in.ID
		j.current = in
		j.tell("opened", cause.Sentence)
	} else if in.Kind != kind || in.Cause.Code != cause.Code || in.Cause.Sentence != cause.Sentence {
		j.tell("changed", cause.Sentence)
	}
	in.Kind, in.Cause, in.ChangedAt = kind, cause, j.Now
	j.suppress(in)
	j.changed = true
}

// suppress notes the incident of a job that this one depends on.
func (j *judgement) suppress(in *crontopus.Incident) {
	by := ""
	if len(j.Parents) > 0 {
		by = j.Parents[0].ID
	}
	if in.SuppressedBy != by {
		in.SuppressedBy, j.changed = by, true
	}
}

// resolve ends the open incident, if there is one.
func (j *judgement) resolve(how crontopus.Resolution, why string) {
	j.state().Dismissed = ""
	in := j.incident()
	if in == nil {
		return
	}
	at := j.Now
	in.State, in.ResolvedAt, in.ChangedAt, in.Resolution, in.ResolvedWhy = crontopus.IncidentResolved, &at, at, how, why
	j.state().Incident = ""
	j.changed = true
	j.tell("resolved", why)
}

func (j *judgement) tell(what, text string) {
	j.Events = append(j.Events, crontopus.IncidentEvent{ID: newID(j.Now), Incident: j.current.ID, At: j.Now, What: what, Text: text})
}

// gone ends the watch with its incident.
func (j *judgement) gone(why string) crontopus.Verdict {
	j.resolve(crontopus.ResolvedRemoved, why)
	j.Gone = true
	return j.end()
}

// left ends the watch of what Git does not want to run here any more; its incident says so.
func (e *entry) left(cause crontopus.Cause) crontopus.Verdict {
	if in := e.incident(); in != nil {
		cause.Evidence = append(cause.Evidence, crontopus.Evidence{What: "before that", Says: in.Cause.Sentence})
		cause.Evidence = append(cause.Evidence, in.Cause.Evidence...)
		in.Cause = cause
	}
	return e.gone(cause.Sentence)
}

// offlineAfter is how long an agent may be silent.
func offlineAfter(policies []crontopus.AlertPolicy) time.Duration {
	least := policies[0].Spec.OfflineAfter
	for _, p := range policies {
		least = min(least, p.Spec.OfflineAfter)
	}
	return least.Std()
}

// agentSubject is what a condition of an agent is about.
func agentSubject(a *crontopus.Agent) crontopus.Subject {
	return crontopus.Subject{Agent: a.Name, Labels: a.Labels}
}

// heard is when an agent was last heard of. Who was away itself begins to count when it is back.
func heard(a *crontopus.Agent, upSince time.Time) time.Time {
	at := a.EnrolledAt
	if a.Status.LastSeenAt != nil {
		at = *a.Status.LastSeenAt
	}
	if at.Before(upSince) {
		return upSince
	}
	return at
}

// silent reports whether the entry's agent counts as offline.
func (j *judgement) silent() bool {
	if j.Agent == nil {
		return false
	}
	s := agentSubject(j.Agent)
	after := offlineAfter(j.Alerting.Applying(crontopus.AlertAgentOffline, &s))
	return j.Now.Sub(heard(j.Agent, j.UpSince)) >= after
}
