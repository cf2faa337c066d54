package alert

import (
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// hostDown reports whether the host's own incident says that it is offline.
func (e *entry) hostDown() bool {
	return e.silent() && e.hostOffline()
}

func (e *entry) hostOffline() bool {
	return e.Host != nil && e.Host.Kind == crontopus.AlertAgentOffline
}

// returning reports whether the host is heard of again and has yet to say why it was away: until
// then nobody knows what its absence explains.
func (e *entry) returning() bool { return !e.silent() && e.hostOffline() }

// absence is the incident of the host that explains why nothing ran for an instant, "" for none.
// One that was only cut off went on running its jobs.
func (e *entry) absence(due time.Time) (incident string) {
	for _, a := range e.Away {
		if !e.upAfter(due, &a) && due.Before(a.Off) {
			return a.Incident
		}
	}
	if e.hostDown() { // as far as anybody knows
		return e.Host.ID
	}
	return ""
}

// upAfter reports whether the host was heard of when an instant's run was to begin, and went away only later.
func (e *entry) upAfter(due time.Time, a *crontopus.Absence) bool {
	return due.Add(e.job.Spec.Run.Splay.Std()).Before(a.Since)
}

// wasUp reports whether the host was up when an instant's run was to begin, though it was started later.
func (e *entry) wasUp(due time.Time, host *crontopus.HostHealth) bool {
	if at := host.AliveUntil; at != nil && !at.Before(due.Add(e.job.Spec.Run.Splay.Std())) {
		return true
	}
	return slices.ContainsFunc(e.Away, func(a crontopus.Absence) bool { return e.upAfter(due, &a) && !host.StartedAt.After(a.Until) })
}

// missOnHost notes a miss in an incident of the host, even one that is just over.
func (e *entry) missOnHost(host string, due time.Time) {
	s := e.state()
	if slices.ContainsFunc(s.OnHost, due.Equal) {
		return
	}
	if s.Host != host {
		s.OnHost, s.Host = nil, host
	}
	s.OnHost = append(s.OnHost, due)
	s.OnHost = s.OnHost[max(0, len(s.OnHost)-mostMissed):]
	m := e.onHost(host)
	m.Missed = append(m.Missed, e.missedRun(due))
}

// leaveHost takes a miss out of the host's incident, if it is there: it was none, or the host's
// absence is not why.
func (e *entry) leaveHost(due time.Time) bool {
	s := e.state()
	i := slices.IndexFunc(s.OnHost, due.Equal)
	if i < 0 {
		return false
	}
	s.OnHost = slices.Delete(s.OnHost, i, i+1)
	m := e.onHost(s.Host)
	m.Retracted = append(m.Retracted, e.missedRun(due))
	return true
}

// onHost is what the verdict says to an incident of the host.
func (e *entry) onHost(incident string) *crontopus.MissedOnHost {
	for i := range e.Hosts {
		if e.Hosts[i].Incident == incident {
			return &e.Hosts[i]
		}
	}
	e.Hosts = append(e.Hosts, crontopus.MissedOnHost{Incident: incident})
	return &e.Hosts[len(e.Hosts)-1]
}

// hostTold reports whether the host is back and has told all of what it is said to have missed.
func (e *entry) hostTold() bool {
	if e.silent() || e.returning() {
		return false
	}
	on := e.state().OnHost
	return len(on) == 0 || e.drained(slices.MaxFunc(on, time.Time.Compare), e.missAfter())
}

// takeBack finds, once the host has told all, what its absence does not explain: it was up, and
// nothing ran. That is judged once more, as the entry's own.
func (e *entry) takeBack() (own []time.Time) {
	s := e.state()
	if s.Host == "" || e.silent() {
		return nil
	}
	if !e.hostTold() {
		e.lookBy(e.Now.Add(lookSeldom))
		return nil
	}
	for _, d := range s.OnHost {
		if e.runs[d.Unix()] == nil && e.absence(d) == "" {
			own = append(own, d)
		}
	}
	return own
}
