package alert

import (
	"fmt"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

const (
	clockTolerance = 5 * time.Minute // by which a host's clock may be off before it explains anything
	outputExcerpt  = 2 << 10         // bytes of output in an incident
	driftBefore    = 24 * time.Hour  // how long before a miss a change by hand may have caused it
)

// because makes a cause of a code and the reason, which ends the sentence.
func (e *entry) because(code, what, reason string, args ...any) crontopus.Cause {
	c := crontopus.Cause{Code: code, Sentence: e.where() + " " + what + ": " + fmt.Sprintf(reason, args...), Evidence: e.evidence()}
	return c
}

// causeOfMiss finds why nothing ran for an instant, r being the run that says so, if there is one.
// What is certain comes before what is likely.
func causeOfMiss(e *entry, due time.Time, r *crontopus.Run) crontopus.Cause {
	what := "did not start at " + clock(due, e.Now)
	switch {
	case r != nil:
		return causeOfSkip(e, what, r)
	case e.Agent == nil:
		return e.because(crontopus.CauseNoPing, "was not heard of at "+clock(due, e.Now), "no ping came within its grace of %s", e.job.Spec.Monitor.Grace)
	}
	report := &e.Agent.Status.Report
	agent := e.Agent.Name
	switch skew := report.ClockSkew(); {
	case skew.Abs() > clockTolerance:
		return e.because(crontopus.CauseClockWrong, what, "the clock of %s is %s %s", agent, span(skew), aheadOrBehind(skew))
	case e.silent():
		return e.because(crontopus.CauseHostSilent, what, "the host has been offline since %s", clock(heard(e.Agent, time.Time{}), e.Now))
	case report.Paused:
		return e.because(crontopus.CauseAgentPaused, what, "the agent on %s is paused (crontopus-agent pause was said there)", agent)
	case report.Host != nil && report.Host.SchedulerDead != "":
		return e.because(crontopus.CauseSchedulerDead, what, "nothing starts entries on %s: %s", agent, report.Host.SchedulerDead)
	}
	if d := e.denied(); d != nil {
		return e.because(denialCode(d), what, "%s does not let it run: %s", agent, d.Reason)
	}
	if d := drifted(e.Agent, e.subject.Job, due.Add(-driftBefore), e.Now); d != nil {
		switch d.Kind {
		case crontopus.DriftMissing:
			return e.because(crontopus.CauseEntryDeleted, what, "its entry was deleted by hand on %s, found and put back at %s", agent, clock(d.At, e.Now))
		case crontopus.DriftEdited:
			return e.because(crontopus.CauseEntryEdited, what, "its entry was edited by hand on %s, found and put right at %s: %s", agent, clock(d.At, e.Now), d.Detail)
		}
	}
	if report.Refused != nil {
		return causeOfRefusal(e, what, report.Refused)
	}
	if report.Applied.Compare(e.Agent.Status.Desired) < 0 {
		why := "it has not applied the bundle that has it yet"
		if report.Error != "" {
			why = "it cannot apply its bundle: " + report.Error
		}
		return e.because(crontopus.CauseNotApplied, what, "%s holds generation %s of %s: %s", agent, report.Applied, e.Agent.Status.Desired, why)
	}
	switch host := report.Host; {
	case host != nil && host.DiskFull != "":
		return e.because(crontopus.CauseDiskFull, what, "%s has no room left in %s", agent, host.DiskFull)
	case report.Error != "":
		return e.because(crontopus.CauseNotApplied, what, "the agent on %s cannot apply its bundle: %s", agent, report.Error)
	case host != nil && host.BootedAt != nil && host.BootedAt.After(due):
		return e.because(crontopus.CausePoweredOff, what, "%s was off until %s", agent, clock(*host.BootedAt, e.Now))
	case host != nil && host.StartedAt.After(due):
		return e.because(crontopus.CauseAgentStopped, what, "the agent on %s was started only at %s", agent, clock(host.StartedAt, e.Now))
	case e.state().Changed.After(due):
		return e.because(crontopus.CauseScheduleChanged, what, "its schedule was changed in Git meanwhile, by %s", commitWords(e.Job))
	}
	return e.because(crontopus.CauseNeverStarted, what, "%s is online, its agent holds generation %s, and says of nothing that kept it from starting", agent, report.Applied)
}

// causeOfSkip is why the host itself did not begin a run.
func causeOfSkip(e *entry, what string, r *crontopus.Run) crontopus.Cause {
	return e.because(reasonCode(r.Reason, crontopus.CauseNeverStarted), what, "%s", r.Message)
}

// reasonCode is the cause that a run's reason stands for.
func reasonCode(reason, otherwise string) string {
	switch reason {
	case crontopus.ReasonUserMissing:
		return crontopus.CauseUserMissing
	case crontopus.ReasonFolderMissing:
		return crontopus.CauseFolderMissing
	case crontopus.ReasonSecretMissing:
		return crontopus.CauseSecretMissing
	case crontopus.ReasonCommandMissing:
		return crontopus.CauseCommandMissing
	case crontopus.ReasonOutOfMemory:
		return crontopus.CauseOutOfMemory
	case crontopus.ReasonSignal:
		return crontopus.CauseSignal
	case crontopus.ReasonTimedOut:
		return crontopus.CauseTimeout
	case crontopus.ReasonAgentStopped:
		return crontopus.CauseAgentStopped
	case crontopus.ReasonDiskFull:
		return crontopus.CauseDiskFull
	case crontopus.ReasonDenied:
		return crontopus.CausePolicyDenied
	case crontopus.ReasonStillRunning:
		return crontopus.CauseStillRunning
	case crontopus.ReasonPaused:
		return crontopus.CauseAgentPaused
	case crontopus.ReasonReplaced:
		return crontopus.CauseReplaced
	case crontopus.ReasonCannotStart:
		return crontopus.CauseCannotStart
	}
	return otherwise
}

// denied is why the host does not take the job, nil where it does.
func (e *entry) denied() *crontopus.Denial {
	for _, d := range e.Agent.Status.Report.Denied {
		if d.Job == e.subject.Job {
			return &d
		}
	}
	return nil
}

func denialCode(d *crontopus.Denial) string { return reasonCode(d.Code, crontopus.CausePolicyDenied) }

func causeOfRefusal(e *entry, what string, r *crontopus.Refusal) crontopus.Cause {
	return e.because(refusalCode(r.Code), what, "%s", refusalWords(e.Agent.Name, r))
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

// causeOfLateStart tells what is known while the run may still start.
func causeOfLateStart(e *entry, due time.Time) crontopus.Cause {
	c := causeOfMiss(e, due, nil)
	c.Sentence = strings.Replace(c.Sentence, "did not start at", fmt.Sprintf("has not started within %s of", e.job.Spec.Monitor.StartDeadline), 1)
	return c
}

func causeOfTooLong(e *entry, r *crontopus.Run) crontopus.Cause {
	return e.because(crontopus.CauseTooLong, "takes too long", "it has been running since %s, longer than %s", clock(*r.Started, e.Now), e.job.Spec.Monitor.MaxDuration)
}

// causeOfFailure is why a run did not go well.
func causeOfFailure(e *entry, r *crontopus.Run) crontopus.Cause {
	code, why := reasonCode(r.Reason, ""), r.Message
	switch {
	case code == crontopus.CauseTimeout, r.State == crontopus.RunTimedOut:
		code, why = crontopus.CauseTimeout, fmt.Sprintf("it was ended by its timeout of %s", e.job.Spec.Run.Timeout)
	case code != "":
	case strings.Contains(string(r.Output), "No space left on device"):
		code, why = crontopus.CauseDiskFull, fmt.Sprintf("a disk is full (it ended with %s)", exitWords(r))
	case r.ExitCode != nil:
		code, why = crontopus.CauseExitCode, "it ended with "+exitWords(r)
	case r.Agent == "":
		code, why = crontopus.CauseReported, "a failure was reported"
	default:
		code = crontopus.CauseUnknown
	}
	if why == "" {
		why = "it ended with " + exitWords(r)
	}
	what := "failed"
	if r.ScheduledFor != nil {
		what = "failed at " + clock(*r.ScheduledFor, e.Now)
	}
	c := e.because(code, what, "%s", why)
	c.Evidence = append(runEvidence(r), c.Evidence...)
	return c
}

func exitWords(r *crontopus.Run) string {
	if r.ExitCode == nil {
		return "no exit code"
	}
	return fmt.Sprintf("exit code %d", *r.ExitCode)
}

func aheadOrBehind(skew time.Duration) string {
	if skew > 0 {
		return "ahead"
	}
	return "behind"
}
