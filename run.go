package crontopus

import "time"

// Run is one execution of a job on one host, put together from its check-ins.
type Run struct {
	ID           string     `json:"id"` // made by who ran it, a UUIDv7
	Job          JobName    `json:"job"`
	Agent        string     `json:"agent,omitempty"` // the agent's name
	State        RunState   `json:"state"`
	ScheduledFor *time.Time `json:"scheduledFor,omitempty"` // the due instant; none for a run by hand
	Started      *time.Time `json:"started,omitempty"`
	Finished     *time.Time `json:"finished,omitempty"`
	Duration     Duration   `json:"duration,omitempty"` // from Started to Finished, where both are known
	ExitCode     *int       `json:"exitCode,omitempty"`
	Attempt      int        `json:"attempt"`
	Output       []byte     `json:"output,omitempty"`  // the last bytes of stdout and stderr; base64 in JSON
	Message      string     `json:"message,omitempty"` // why it was skipped, could not start, was stopped or is tried again
	Reason       string     `json:"reason,omitempty"`  // the same as a code, one of the Reason constants of runs
	Revision     string     `json:"revision,omitempty"`
}

// RunState is where a run stands.
type RunState string

// The states of a run.
const (
	RunRunning   RunState = "running"
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed"
	RunTimedOut  RunState = "timedOut"
	RunMissed    RunState = "missed"
	RunSkipped   RunState = "skipped"
	RunUnknown   RunState = "unknown"
)

// CheckIn is one message about a run. Sending one twice, late or out of order does no
// harm: Run.Apply comes to the same run.
type CheckIn struct {
	RunID        string     `json:"runId"`
	Job          JobName    `json:"job"`
	Event        Event      `json:"event"`
	ScheduledFor *time.Time `json:"scheduledFor,omitempty"`
	At           time.Time  `json:"at"`
	ExitCode     *int       `json:"exitCode,omitempty"`
	Attempt      int        `json:"attempt,omitempty"` // from 1; 0 is read as 1
	RetryAt      *time.Time `json:"retryAt,omitempty"` // with failure or timeout: when the next attempt begins
	Output       []byte     `json:"output,omitempty"`
	Message      string     `json:"message,omitempty"`  // why, for a person
	Reason       string     `json:"reason,omitempty"`   // why, as a code: one of the Reason constants of runs
	Revision     string     `json:"revision,omitempty"` // of the job that ran
}

// Event is what a check-in tells.
type Event string

// The events of a run. All but start are final.
const (
	EventStart   Event = "start"
	EventSuccess Event = "success"
	EventFailure Event = "failure"
	EventTimeout Event = "timeout"
	EventSkipped Event = "skipped"
)

// Reasons of a run that did not go as it should. What has none ended with its exit code.
const (
	ReasonUserMissing    = "userMissing"
	ReasonFolderMissing  = "workingDirectoryMissing"
	ReasonSecretMissing  = "secretMissing"
	ReasonCommandMissing = "commandMissing"
	ReasonDenied         = "policyDenied" // by the host's policy
	ReasonStillRunning   = "stillRunning" // the previous run holds the lock
	ReasonPaused         = "paused"       // crontopus-agent pause was said on the host
	ReasonCalledOff      = "calledOff"    // Git or the policy changed while it waited
	ReasonSignal         = "signal"       // a signal that the agent did not send ended it
	ReasonOutOfMemory    = "outOfMemory"  // the kernel ended it for want of memory
	ReasonTimedOut       = "timedOut"
	ReasonReplaced       = "replaced" // by the next run
	ReasonAgentStopped   = "agentStopped"
	ReasonDiskFull       = "diskFull"
	ReasonCannotStart    = "cannotStart" // whatever is not named above
)

// Final reports whether the event ends its attempt.
func (e Event) Final() bool { return e != EventStart }

// Final reports whether the check-in ends its run: its attempt has ended, and no other
// follows.
func (c CheckIn) Final() bool { return c.Event.Final() && c.RetryAt == nil }

// state is where the run stands after the check-in. One that will be tried again has not
// failed yet.
func (c CheckIn) state() RunState {
	if c.RetryAt != nil {
		return RunRunning
	}
	return c.Event.State()
}

// State returns the state that a run has after the event, and "" for an unknown event.
func (e Event) State() RunState {
	switch e {
	case EventStart:
		return RunRunning
	case EventSuccess:
		return RunSucceeded
	case EventFailure:
		return RunFailed
	case EventTimeout:
		return RunTimedOut
	case EventSkipped:
		return RunSkipped
	}
	return ""
}

// NewRun returns the run that a check-in from the named agent begins.
func NewRun(c CheckIn, agent string) Run {
	r := Run{ID: c.RunID, Job: c.Job, Agent: agent, State: RunUnknown}
	r.Apply(c)
	return r
}

// Apply folds a check-in into the run and reports whether that changed it. The order in
// which check-ins arrive does not matter: a higher attempt wins, within an attempt its
// end wins over its start, the run's end over word of a retry, and of two ends the first that
// came stays. While another attempt is to come the run is running.
func (r *Run) Apply(c CheckIn) bool {
	attempt := max(c.Attempt, 1)
	if r.ScheduledFor == nil {
		r.ScheduledFor = c.ScheduledFor
	}
	if r.Revision == "" {
		r.Revision = c.Revision
	}
	changed := false
	if c.Event == EventStart && (r.Started == nil || c.At.Before(*r.Started)) {
		r.Started = &c.At // the run began with its earliest attempt
		changed = true
	}
	newer := attempt > r.Attempt
	ends := c.Event.Final() && attempt == r.Attempt && !r.Ended() && (c.Final() || r.ExitCode == nil)
	if newer || ends {
		r.Attempt, r.State = attempt, c.state()
		r.ExitCode, r.Output, r.Message, r.Reason, r.Finished = c.ExitCode, c.Output, c.Message, c.Reason, nil
		if c.Final() {
			r.Finished = &c.At
		}
		changed = true
	}
	r.Duration = 0
	if r.Started != nil && r.Finished != nil && r.Finished.After(*r.Started) {
		r.Duration = Duration(r.Finished.Sub(*r.Started))
	}
	return changed
}

// Ended reports whether the run has come to its end.
func (r *Run) Ended() bool { return r.State != RunRunning && r.State != RunUnknown }
