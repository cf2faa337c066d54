package alert

import (
	"time"

	"crontopus.dev/crontopus"
)

const (
	reportWait   = 30 * time.Second // that an agent that is back may take to say why it was away
	mostAbsences = 5                // that are remembered, for what is judged long after
)

// judgeAgent finds whether a host is heard of and holds what its bundle says.
func judgeAgent(l *crontopus.Look) crontopus.Verdict {
	if l.Agent == nil {
		return begin(l, crontopus.Subject{}).gone("the host's agent was revoked")
	}
	j := begin(l, agentSubject(l.Agent))
	s := j.state()
	if s.Silent.After(l.Now) { // our clock was set back meanwhile
		s.Silent = l.Now
	}
	last := heard(l.Agent, l.UpSince)
	after := offlineAfter(j.policies(crontopus.AlertAgentOffline))
	if !l.Now.Before(last.Add(after)) {
		if in := j.incident(); in == nil || in.Kind != crontopus.AlertAgentOffline {
			s.Silent, s.Changed = last, time.Time{}
			if host := l.Agent.Status.Report.Host; host != nil {
				s.BootID, s.Process = host.BootID, l.Agent.Status.Report.Instance.Name
			}
			j.open(crontopus.AlertAgentOffline, causeOfSilence(j))
		}
		j.Verdict.Watch.Alert = true
		j.lookBy(l.Now.Add(time.Minute)) // a heartbeat is a signal
		return j.end()
	}
	j.lookBy(last.Add(after))
	if in := j.incident(); in != nil && in.Kind == crontopus.AlertAgentOffline && !j.back() {
		return j.end()
	}
	j.conditions()
	j.Verdict.Watch.Alert = j.incident() != nil
	return j.end()
}

// back ends an agent's silence, with what it says of it. It reports false while that is awaited,
// or while only we were away.
func (j *judgement) back() bool {
	s, status := j.state(), &j.Agent.Status
	if status.LastSeenAt == nil || !status.LastSeenAt.After(s.Silent) || status.LastSeenAt.After(j.Now) {
		return false
	}
	if s.Changed.IsZero() {
		s.Changed = j.Now
	}
	if wait := s.Changed.Add(reportWait); !status.Report.ReceivedAt.After(s.Silent) && j.Now.Before(wait) {
		j.lookBy(j.Now.Add(lookAgain))
		return false
	}
	in := j.incident()
	in.Cause = causeOfReturn(j)
	j.resolve(crontopus.ResolvedRecovered, in.Cause.Sentence)
	s.Away = append(s.Away, crontopus.Absence{Incident: in.ID, Since: j.upUntil(), Until: j.Now, Off: j.offUntil()})
	s.Away = s.Away[max(0, len(s.Away)-mostAbsences):]
	s.Silent, s.Changed, s.BootID, s.Process = time.Time{}, time.Time{}, "", ""
	return true
}

// conditions are what a host that is heard of may have wrong: the first that holds is told.
func (j *judgement) conditions() {
	r := &j.Agent.Status.Report
	expired := !j.Expires.IsZero() && !j.Now.Before(j.Expires)
	switch {
	case expired, r.Refused != nil && r.Refused.Code == crontopus.RefusedExpired:
		j.open(crontopus.AlertBundleExpired, causeOfExpiry(j))
	case r.Refused != nil, r.Error != "", len(r.Denied) > 0, r.Host != nil && (r.Host.SchedulerDead != "" || r.Host.DiskFull != ""):
		cause := causeOfDrift(j)
		if in := j.incident(); in != nil && in.Kind == crontopus.AlertDrift && in.Cause.Code == cause.Code && in.Cause.Sentence == cause.Sentence {
			return
		}
		j.open(crontopus.AlertDrift, cause)
	default:
		j.resolve(crontopus.ResolvedRecovered, "the host "+j.Agent.Name+" holds what its bundle says again")
	}
}
