package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

const (
	seenWithin = 90 * time.Second // of its beginning, an agent sees what is wrong with its host
	cronReads  = time.Minute      // within which cron takes up an entry that was put back

	startsItself = "builtin" // the scheduler of an agent whose daemon starts the jobs
)

// why is one thing that may have kept an entry from starting at an instant: a code and the end
// of a sentence, "" where it is not so.
type why func(e *entry, due time.Time) (code, reason string)

// What is known to have been so at the instant, in the order in which it is told: what must be
// mended first. More than one may be, and all are said.
var certain = []why{whyClock, whyOff, whyStill, whyPaused, whyScheduler, whyDenied, whyByHand}

// What may explain it where nothing is certain.
var likely = []why{whyDisk, whyNotApplied, whyCameLate, whyChanged}

// whyNot finds why the host says nothing of an instant.
func (e *entry) whyNot(due time.Time) (code, reason string) {
	if e.silent() { // what it said before may be over
		return crontopus.CauseHostSilent, fmt.Sprintf("the host has been offline since %s", clock(heard(e.Agent, time.Time{}), e.Now))
	}
	var reasons []string
	for _, find := range certain {
		c, r := find(e, due)
		if c == "" {
			continue
		}
		if code == "" {
			code = c
		}
		reasons = append(reasons, r)
	}
	if code != "" {
		return code, strings.Join(reasons, "; besides, ")
	}
	lost := e.unheard(due)
	for _, find := range likely {
		if code, reason = find(e, due); code != "" {
			if lost != "" {
				reason += "; besides, " + lost
			}
			return code, reason
		}
	}
	if lost != "" {
		return crontopus.CauseCheckInLost, lost
	}
	return crontopus.CauseNeverStarted, fmt.Sprintf("%s is online, its agent holds generation %s, and says of nothing that kept it from starting",
		e.Agent.Name, e.Agent.Status.Report.Applied)
}

func whyOff(e *entry, due time.Time) (code, reason string) {
	report := &e.Agent.Status.Report
	switch host := report.Host; {
	case host == nil, e.skew() != 0: // when it was started, its clock may have been another
	case e.wasUp(due, host):
	case host.BootedAt != nil && host.BootedAt.After(due):
		return crontopus.CausePoweredOff, fmt.Sprintf("%s was off until %s", e.Agent.Name, clock(*host.BootedAt, e.Now))
	case report.Scheduler == startsItself && host.StartedAt.After(due): // others start entries without the agent's daemon
		return crontopus.CauseAgentStopped, fmt.Sprintf("the agent on %s was started only at %s", e.Agent.Name, clock(host.StartedAt, e.Now))
	}
	return "", ""
}

// whyStill finds an instant at which the host slept, or the agent that starts its jobs itself got no time to.
func whyStill(e *entry, due time.Time) (code, reason string) {
	switch host := e.Agent.Status.Report.Host; {
	case host == nil:
	case e.during(host.Slept, due):
		return crontopus.CausePoweredOff, fmt.Sprintf("%s slept until %s", e.Agent.Name, clock(e.here(host.Slept.Until), e.Now))
	case e.Agent.Status.Report.Scheduler == startsItself && e.during(host.Suspended, due):
		return crontopus.CauseAgentStopped, fmt.Sprintf("the agent on %s got no time to run until %s: somebody suspended it", e.Agent.Name,
			clock(e.here(host.Suspended.Until), e.Now))
	}
	return "", ""
}

func whyClock(e *entry, _ time.Time) (code, reason string) {
	if skew := e.skew(); skew != 0 {
		return crontopus.CauseClockWrong, fmt.Sprintf("the clock of %s is %s %s", e.Agent.Name, span(skew), aheadOrBehind(skew))
	}
	return "", ""
}

func whyPaused(e *entry, _ time.Time) (code, reason string) {
	if e.Agent.Status.Report.Paused {
		return crontopus.CauseAgentPaused, fmt.Sprintf("the agent on %s is paused (crontopus-agent pause was said there)", e.Agent.Name)
	}
	return "", ""
}

func whyScheduler(e *entry, due time.Time) (code, reason string) {
	switch host := e.Agent.Status.Report.Host; {
	case host == nil:
	case host.SchedulerDead != "":
		return crontopus.CauseSchedulerDead, fmt.Sprintf("nothing starts entries on %s: %s", e.Agent.Name, host.SchedulerDead)
	case e.during(host.SchedulerWas, due):
		return crontopus.CauseSchedulerDead, fmt.Sprintf("nothing started entries on %s until %s: %s", e.Agent.Name,
			clock(e.here(host.SchedulerWas.Until), e.Now), host.SchedulerWas.Why)
	}
	return "", ""
}

func whyDenied(e *entry, _ time.Time) (code, reason string) {
	for _, d := range e.Agent.Status.Report.Denied {
		if d.Job == e.subject.Job {
			return denialCode(&d), fmt.Sprintf("%s does not let it run: %s", e.Agent.Name, d.Reason)
		}
	}
	return "", ""
}

// whyByHand finds a change by hand that was put right after the instant: what was put right
// before kept nothing from starting.
func whyByHand(e *entry, due time.Time) (code, reason string) {
	for _, d := range slices.Backward(e.Agent.Status.Report.Drift) {
		at := e.here(d.At)
		if d.Entry != e.subject.Job.String() || at.Before(due.Add(-cronReads)) {
			continue
		}
		switch d.Kind {
		case crontopus.DriftMissing:
			return crontopus.CauseEntryDeleted, fmt.Sprintf("its entry was deleted by hand on %s, found and put back at %s", e.Agent.Name, clock(at, e.Now))
		case crontopus.DriftEdited:
			return crontopus.CauseEntryEdited, fmt.Sprintf("its entry was edited by hand on %s, found and put right at %s: %s", e.Agent.Name, clock(at, e.Now), d.Detail)
		}
	}
	return "", ""
}

func whyDisk(e *entry, due time.Time) (code, reason string) {
	switch host := e.Agent.Status.Report.Host; {
	case host == nil:
	case host.DiskFull != "":
		return crontopus.CauseDiskFull, fmt.Sprintf("%s has no room left in %s", e.Agent.Name, host.DiskFull)
	case e.during(host.DiskWas, due):
		return crontopus.CauseDiskFull, fmt.Sprintf("%s had no room left until %s in %s", e.Agent.Name, clock(e.here(host.DiskWas.Until), e.Now), host.DiskWas.Why)
	}
	return "", ""
}

// whyNotApplied is that the host does not hold what Git says. An entry that has run there since
// Git last changed its times is held all the same.
func whyNotApplied(e *entry, _ time.Time) (code, reason string) {
	report, desired := &e.Agent.Status.Report, e.Agent.Status.Desired
	switch {
	case report.Error != "":
		return crontopus.CauseNotApplied, fmt.Sprintf("the agent on %s cannot apply its bundle: %s", e.Agent.Name, report.Error)
	case e.ranHere():
	case report.Refused != nil:
		return refusalCode(report.Refused.Code), refusalWords(e.Agent.Name, report.Refused)
	case report.Applied.Compare(desired) < 0:
		return crontopus.CauseNotApplied, fmt.Sprintf("%s holds generation %s of %s: it has not applied the bundle that has it yet", e.Agent.Name, report.Applied, desired)
	}
	return "", ""
}

// whyCameLate is that the host could not be given the entry in time.
func whyCameLate(e *entry, due time.Time) (code, reason string) {
	host := e.Agent.Status.Report.Host
	switch {
	case e.ranHere():
	case e.UpSince.After(due):
		return crontopus.CauseServerAway, fmt.Sprintf("the server itself was away until %s, and %s had not got the entry from it before", clock(e.UpSince, e.Now), e.Agent.Name)
	case host != nil && host.UnheardUntil != nil && e.here(*host.UnheardUntil).After(due):
		return crontopus.CauseNetworkCut, fmt.Sprintf("%s could not reach the server until %s, and had not got the entry from it before: %s",
			e.Agent.Name, clock(e.here(*host.UnheardUntil), e.Now), host.UnheardWhy)
	}
	return "", ""
}

func whyChanged(e *entry, due time.Time) (code, reason string) {
	if e.state().Changed.After(due) {
		return crontopus.CauseScheduleChanged, "its schedule was changed in Git meanwhile, by " + commitWords(e.Job)
	}
	return "", ""
}

// ranHere reports whether the host has begun the entry since it has it with these times. One that did not
// get a change in time goes on with the former ones.
func (e *entry) ranHere() bool {
	if e.Newest == nil || !place(e.Newest).After(e.state().Since) {
		return false
	}
	due := e.Newest.ScheduledFor
	if due == nil || e.set == nil {
		return true
	}
	next, ok := e.set.Next(due.Add(-time.Second))
	return ok && next.Equal(*due)
}

// unheard says that the entry may have run all the same, "" where it would have been heard of.
func (e *entry) unheard(due time.Time) string {
	host := e.Agent.Status.Report.Host
	if host == nil || !e.during(host.CheckInsLost, due) {
		return ""
	}
	return fmt.Sprintf("it may have run unheard: what runs on %s had to say could not be kept (%s)", e.Agent.Name, host.CheckInsLost.Why)
}

// during reports whether an outage may have kept from starting what was due.
func (e *entry) during(o *crontopus.Outage, due time.Time) bool {
	return o != nil && !due.Before(e.here(o.Since).Add(-seenWithin)) && due.Before(e.here(o.Until))
}

// skew is by how much the host's clock is ahead, 0 where that explains nothing.
func (j *judgement) skew() time.Duration {
	if skew := j.Agent.Status.Report.ClockSkew(); skew.Abs() > clockTolerance {
		return skew
	}
	return 0
}

// here is what our clock said when the host's said so.
func (j *judgement) here(at time.Time) time.Time { return at.Add(-j.skew()) }
