package alert

import (
	"fmt"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// causeOfSilence is what is known of a host that is not heard of: nothing but since when.
func causeOfSilence(j *judgement) crontopus.Cause {
	c := crontopus.Cause{Code: crontopus.CauseHostSilent, Evidence: hostEvidence(j.Agent),
		Sentence: fmt.Sprintf("%s has been offline since %s", j.Agent.Name, clock(j.state().Silent, j.Now))}
	if last := heard(j.Agent, time.Time{}); last.Before(j.state().Silent) { // the server was away itself
		c.Sentence = fmt.Sprintf("%s was last heard of at %s, and not since the server, which was away, is back (%s)",
			j.Agent.Name, clock(last, j.Now), clock(j.state().Silent, j.Now))
	}
	return c
}

// causeOfReturn is why a host that is back was not heard of: its boot and the start of its agent
// tell one that was off, and one whose agent was stopped, from one that was cut off.
func causeOfReturn(j *judgement) crontopus.Cause {
	silent, host := j.state().Silent, j.Agent.Status.Report.Host
	c := crontopus.Cause{Code: crontopus.CauseHostSilent, Evidence: hostEvidence(j.Agent)}
	between := fmt.Sprintf("between %s and %s", clock(silent, j.Now), clock(j.Now, j.Now))
	switch {
	case host == nil, !j.Agent.Status.Report.ReceivedAt.After(silent):
		c.Sentence = fmt.Sprintf("%s is back; it was not heard of %s", j.Agent.Name, between)
	case j.most(host.Slept):
		c.Code = crontopus.CausePoweredOff
		c.Sentence = fmt.Sprintf("%s slept %s: it did not boot, and ran nothing meanwhile", j.Agent.Name, between)
	case j.most(host.Suspended):
		c.Code = crontopus.CauseAgentStopped
		c.Sentence = fmt.Sprintf("the agent on %s got no time to run %s: neither the host nor the agent was started anew, so somebody suspended its process", j.Agent.Name, between)
	case j.cutMost(host):
		c.Code, c.Sentence = crontopus.CauseNetworkCut, cutWords(j, host, between)
	case j.booted(host):
		c.Code = crontopus.CausePoweredOff
		c.Sentence = fmt.Sprintf("%s was off or restarting %s: it booted at %s", j.Agent.Name, between, clock(j.here(*host.BootedAt), j.Now))
	case j.restarted(host):
		c.Code = crontopus.CauseAgentStopped
		c.Sentence = fmt.Sprintf("the agent on %s was stopped %s: the host did not restart, the agent started at %s", j.Agent.Name, between, clock(j.here(host.StartedAt), j.Now))
	default:
		c.Code, c.Sentence = crontopus.CauseNetworkCut, cutWords(j, host, between)
	}
	return c
}

// booted reports whether the host was started during its silence. Its boot id says so whatever its clock
// does; without one, its clock must do.
func (j *judgement) booted(host *crontopus.HostHealth) bool {
	if before := j.state().BootID; before != "" && host.BootID != "" {
		return before != host.BootID
	}
	return host.BootedAt != nil && j.here(*host.BootedAt).After(j.state().Silent)
}

// restarted reports whether the host's agent was.
func (j *judgement) restarted(host *crontopus.HostHealth) bool {
	if before, now := j.state().Process, j.Agent.Status.Report.Instance.Name; before != "" && now != "" {
		return before != now
	}
	return j.here(host.StartedAt).After(j.state().Silent)
}

// upUntil is until when a host that is back is known to have been up before.
func (j *judgement) upUntil() time.Time {
	silent, report := j.state().Silent, &j.Agent.Status.Report
	if host := report.Host; host != nil && host.AliveUntil != nil && report.ReceivedAt.After(silent) {
		if at := j.here(*host.AliveUntil); at.Before(j.Now) {
			return later(silent, &at)
		}
	}
	return silent
}

// offUntil is until when a host that is back started no job, zero where it went on: all the time where it does
// not say.
func (j *judgement) offUntil() time.Time {
	report := &j.Agent.Status.Report
	switch host := report.Host; {
	case host == nil, !report.ReceivedAt.After(j.state().Silent), j.booted(host) && host.BootedAt == nil:
		return j.Now
	case j.booted(host):
		return j.here(*host.BootedAt)
	case report.Scheduler == startsItself && j.restarted(host):
		return j.here(host.StartedAt)
	case j.most(host.Slept):
		return j.here(host.Slept.Until)
	case report.Scheduler == startsItself && j.most(host.Suspended):
		return j.here(host.Suspended.Until)
	}
	return time.Time{}
}

// cutMost reports whether a host, or its agent, that was started during its silence could not reach the
// server for most of it: then that it was started explains less.
func (j *judgement) cutMost(host *crontopus.HostHealth) bool {
	since, until := host.UnheardSince, host.UnheardUntil
	return since != nil && until != nil && j.most(&crontopus.Outage{Since: *since, Until: *until})
}

// most reports whether something lasted for most of a host's silence.
func (j *judgement) most(o *crontopus.Outage) bool {
	silent, back := j.state().Silent, j.Agent.Status.LastSeenAt
	if o == nil || back == nil || !j.here(o.Until).After(silent) {
		return false
	}
	return o.Until.Sub(o.Since) > back.Sub(silent)/2
}

func cutWords(j *judgement, host *crontopus.HostHealth, between string) string {
	words := fmt.Sprintf("%s could not reach the server %s, and went on running its jobs", j.Agent.Name, between)
	if host.UnheardWhy != "" {
		words += ": " + host.UnheardWhy
	}
	return words
}

func causeOfExpiry(j *judgement) crontopus.Cause {
	c := crontopus.Cause{Code: crontopus.CauseBundleExpired, Evidence: hostEvidence(j.Agent)}
	refused, skew, name := j.Agent.Status.Report.Refused, j.skew(), j.Agent.Name
	const goesOn = "it keeps its last jobs running and takes no changes"
	switch {
	case !j.Now.Before(j.Expires) && !j.Expires.IsZero():
		c.Sentence = fmt.Sprintf("the bundle of %s has expired at %s: %s; look why no server publishes", name, clock(j.Expires, j.Now), goesOn)
	case skew != 0:
		c.Code = crontopus.CauseClockWrong
		c.Sentence = fmt.Sprintf("the clock of %s is %s %s, so that it takes its bundle for expired: %s", name, span(skew), aheadOrBehind(skew), goesOn)
	default:
		c.Sentence = fmt.Sprintf("the bundle of %s has expired there (%s), though a newer one is published: %s; look what is between the two", name, refused.Message, goesOn)
	}
	return c
}

// causeOfDrift is why a host does not hold what its bundle says.
func causeOfDrift(j *judgement) crontopus.Cause {
	r, name := &j.Agent.Status.Report, j.Agent.Name
	c := crontopus.Cause{Evidence: hostEvidence(j.Agent)}
	switch {
	case r.Refused != nil:
		c.Code, c.Sentence = refusalCode(r.Refused.Code), refusalWords(name, r.Refused)
	case r.Host != nil && r.Host.SchedulerDead != "":
		c.Code, c.Sentence = crontopus.CauseSchedulerDead, "nothing starts entries on "+name+": "+r.Host.SchedulerDead
	case r.Host != nil && r.Host.DiskFull != "":
		c.Code, c.Sentence = crontopus.CauseDiskFull, name+" has no room left in "+r.Host.DiskFull
	case r.Error != "":
		c.Code, c.Sentence = crontopus.CauseNotApplied, "the agent on "+name+" cannot apply its bundle: "+r.Error
	default:
		names := make([]string, 0, 3)
		for _, d := range r.Denied[:min(len(r.Denied), 3)] {
			names = append(names, d.Job.String())
		}
		jobs := strings.Join(names, ", ")
		if more := len(r.Denied) - len(names); more > 0 {
			jobs += fmt.Sprintf(" and %d more", more)
		}
		c.Code, c.Sentence = denialCode(&r.Denied[0]), fmt.Sprintf("%s does not let %s run: %s", name, jobs, r.Denied[0].Reason)
	}
	return c
}

func causeOfSync(s *crontopus.Source, ready *crontopus.Condition) crontopus.Cause {
	return crontopus.Cause{Code: crontopus.CauseSync,
		Sentence: fmt.Sprintf("the source %s is not in force (%s): %s", s.Name, ready.Reason, ready.Message),
		Evidence: []crontopus.Evidence{
			{What: "last attempted revision", Says: s.Status.LastAttemptedRevision, At: s.Status.LastSyncAt},
			{What: "revision in force", Says: s.Status.LastAppliedRevision},
		}}
}

func refusalCode(code string) string {
	switch code {
	case crontopus.RefusedExpired:
		return crontopus.CauseBundleExpired
	case crontopus.RefusedPolicy:
		return crontopus.CausePolicyDenied
	}
	return crontopus.CauseBundleRefused
}

func refusalWords(agent string, r *crontopus.Refusal) string {
	return fmt.Sprintf("%s refused its bundle of generation %s (%s): %s", agent, r.Generation, r.Code, r.Message)
}
