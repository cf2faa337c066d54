package alert

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

const (
	clockTolerance = 5 * time.Minute // by which a host's clock may be off before it explains anything
	outputExcerpt  = 2 << 10         // bytes of output in an incident
)

// because makes a cause of a code and the reason, which ends the sentence.
func (e *entry) because(code, what, reason string, args ...any) crontopus.Cause {
	c := crontopus.Cause{Code: code, Sentence: e.where() + " " + what + ": " + fmt.Sprintf(reason, args...), Evidence: e.evidence()}
	return c
}

// causeOfMiss finds why nothing ran for an instant, r being the run that says so, if there is one.
func causeOfMiss(e *entry, due time.Time, r *crontopus.Run) crontopus.Cause {
	what := "did not start at " + clock(due, e.Now)
	switch {
	case r != nil:
		return e.because(cmp.Or(causeOfReason[r.Reason], crontopus.CauseNeverStarted), what, "%s", r.Message)
	case e.Agent == nil:
		return causeOfNoPing(e, due)
	}
	code, reason := e.whyNot(due)
	return e.because(code, what, "%s", reason)
}

func causeOfNoPing(e *entry, due time.Time) crontopus.Cause {
	what := "was not heard of at " + clock(due, e.Now)
	if e.UpSince.After(due) {
		return e.because(crontopus.CauseServerAway, what, "the server itself was away until %s, and could hear no ping", clock(e.UpSince, e.Now))
	}
	return e.because(crontopus.CauseNoPing, what, "no ping came within its grace of %s", e.job.Spec.Monitor.Grace)
}

// causeOfLatePing tells of a ping that may still come.
func causeOfLatePing(e *entry, due time.Time) crontopus.Cause {
	c := causeOfNoPing(e, due)
	if c.Code == crontopus.CauseNoPing {
		return e.because(c.Code, "was not heard of at "+clock(due, e.Now), "no ping came within its start deadline of %s", e.job.Spec.Monitor.StartDeadline)
	}
	return c
}

// causeOfReason is the cause that a run's reason, or a denial's code, stands for.
var causeOfReason = map[string]string{
	crontopus.ReasonUserMissing:    crontopus.CauseUserMissing,
	crontopus.ReasonFolderMissing:  crontopus.CauseFolderMissing,
	crontopus.ReasonSecretMissing:  crontopus.CauseSecretMissing,
	crontopus.ReasonCommandMissing: crontopus.CauseCommandMissing,
	crontopus.ReasonOutOfMemory:    crontopus.CauseOutOfMemory,
	crontopus.ReasonSignal:         crontopus.CauseSignal,
	crontopus.ReasonTimedOut:       crontopus.CauseTimeout,
	crontopus.ReasonAgentStopped:   crontopus.CauseAgentStopped,
	crontopus.ReasonDiskFull:       crontopus.CauseDiskFull,
	crontopus.ReasonDenied:         crontopus.CausePolicyDenied,
	crontopus.ReasonStillRunning:   crontopus.CauseStillRunning,
	crontopus.ReasonPaused:         crontopus.CauseAgentPaused,
	crontopus.ReasonReplaced:       crontopus.CauseReplaced,
	crontopus.ReasonCannotStart:    crontopus.CauseCannotStart,
}

func denialCode(d *crontopus.Denial) string {
	return cmp.Or(causeOfReason[d.Code], crontopus.CausePolicyDenied)
}

// causeOfRemoval is why Git does not want an entry any more.
func causeOfRemoval(e *entry) crontopus.Cause {
	c := crontopus.Cause{Code: crontopus.CauseJobRemoved}
	switch src := e.Source; {
	case e.Left != nil && e.Left.Job.Spec.Suspend:
		return causeOfSuspension(e, e.Left)
	case e.Left != nil && e.Look.Watch.AgentID == "": // there is no host that its target could miss
		c.Sentence = e.where() + " is not to ping any more: as of " + commitWords(e.Left) + " in Git, agents run it"
		c.Evidence = commitEvidence(&e.Left.Commit, e.SourceURL)
	case e.Left != nil:
		c.Sentence = e.where() + " is not to run there any more: its target, last changed in Git by " + commitWords(e.Left) + ", does not match the host"
		c.Evidence = commitEvidence(&e.Left.Commit, e.SourceURL)
	case src != nil && src.Status.Commit != nil:
		c.Sentence = e.where() + " is not to run any more: the job was removed in Git, as of " + commitText(src.Status.Commit)
		c.Evidence = commitEvidence(src.Status.Commit, src.URL)
	default:
		c.Sentence = e.where() + " is not to run any more: the job was removed with its source"
	}
	return c
}

func causeOfSuspension(e *entry, job *crontopus.DesiredJob) crontopus.Cause {
	return crontopus.Cause{Code: crontopus.CauseSuspended, Evidence: commitEvidence(&job.Commit, e.SourceURL),
		Sentence: e.where() + " is not to run for now: the job was suspended in Git by " + commitWords(job)}
}

// causeOfLateStart tells what is known while the run may still start.
func causeOfLateStart(e *entry, due time.Time) crontopus.Cause {
	if e.Agent == nil {
		return causeOfLatePing(e, due)
	}
	c := causeOfMiss(e, due, nil)
	c.Sentence = strings.Replace(c.Sentence, "did not start at", fmt.Sprintf("has not started within %s of", e.job.Spec.Monitor.StartDeadline), 1)
	return c
}

func causeOfTooLong(e *entry, r *crontopus.Run) crontopus.Cause {
	return e.because(crontopus.CauseTooLong, "takes too long", "it has been running since %s, longer than %s", clock(*r.Started, e.Now), e.job.Spec.Monitor.MaxDuration)
}

// causeOfFailure is why a run did not go well.
func causeOfFailure(e *entry, r *crontopus.Run) crontopus.Cause {
	code, why := causeOfReason[r.Reason], r.Message
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
	if r.Attempt > 1 {
		why += fmt.Sprintf(" (the last of %d attempts)", r.Attempt)
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
