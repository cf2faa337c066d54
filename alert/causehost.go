package alert

import (
	"fmt"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// causeOfSilence is what is known of a host that is not heard of: nothing but since when.
func causeOfSilence(j *judgement) crontopus.Cause {
	return crontopus.Cause{Code: crontopus.CauseHostSilent, Evidence: hostEvidence(j.Agent),
		Sentence: fmt.Sprintf("%s has been offline since %s", j.Agent.Name, clock(j.state().Silent, j.Now))}
}

// causeOfReturn is why a host that is back was not heard of: its boot and the start of its agent
// tell one that was off, and one whose agent was stopped, from one that was cut off.
func causeOfReturn(j *judgement) crontopus.Cause {
	silent, report := j.state().Silent, &j.Agent.Status.Report
	host, skew := report.Host, time.Duration(0)
	if report.ClockSkew().Abs() > clockTolerance {
		skew = report.ClockSkew() // the host says when it booted by its own clock
	}
	c := crontopus.Cause{Code: crontopus.CauseHostSilent, Evidence: hostEvidence(j.Agent)}
	between := fmt.Sprintf("between %s and %s", clock(silent, j.Now), clock(j.Now, j.Now))
	switch {
	case host == nil:
		c.Sentence = fmt.Sprintf("%s is back; it was not heard of %s", j.Agent.Name, between)
	case cutMost(host, silent, j.Agent.Status.LastSeenAt, skew):
		c.Code, c.Sentence = crontopus.CauseNetworkCut, cutWords(j, host, between)
	case host.BootedAt != nil && host.BootedAt.Add(-skew).After(silent):
		c.Code = crontopus.CausePoweredOff
		c.Sentence = fmt.Sprintf("%s was off or restarting %s: it booted at %s", j.Agent.Name, between, clock(*host.BootedAt, j.Now))
	case host.StartedAt.Add(-skew).After(silent):
		c.Code = crontopus.CauseAgentStopped
		c.Sentence = fmt.Sprintf("the agent on %s was stopped %s: the host did not restart, the agent started at %s", j.Agent.Name, between, clock(host.StartedAt, j.Now))
	default:
		c.Code, c.Sentence = crontopus.CauseNetworkCut, cutWords(j, host, between)
	}
	return c
}

// cutMost reports whether a host, or its agent, that was started during its silence could not reach the
// server for most of it: then that it was started explains less.
func cutMost(host *crontopus.HostHealth, silent time.Time, back *time.Time, skew time.Duration) bool {
	since, until := host.UnheardSince, host.UnheardUntil
	if since == nil || until == nil || back == nil || !until.Add(-skew).After(silent) {
		return false
	}
	return until.Sub(*since) > back.Sub(silent)/2
}

func cutWords(j *judgement, host *crontopus.HostHealth, between string) string {
	words := fmt.Sprintf("%s could not reach the server %s, and went on running its jobs", j.Agent.Name, between)
	if host.UnheardWhy != "" {
		words += ": " + host.UnheardWhy
	}
	return words
}

func causeOfExpiry(j *judgement) crontopus.Cause {
	return crontopus.Cause{Code: crontopus.CauseBundleExpired, Evidence: hostEvidence(j.Agent),
		Sentence: fmt.Sprintf("the bundle of %s has expired: it keeps its last jobs running and takes no changes; look why no server publishes", j.Agent.Name)}
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
		if more := len(r.Denied) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		c.Code, c.Sentence = denialCode(&r.Denied[0]), fmt.Sprintf("%s does not let %s run: %s", name, strings.Join(names, ", "), r.Denied[0].Reason)
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
