package crontopus

import "time"

// Page asks for a part of a list: at most Limit items after the opaque cursor After.
// A zero Limit means the default of 100; the most is 1,000.
type Page struct {
	After string
	Limit int
}

// The sizes of a page.
const (
	DefaultPageLimit = 100
	MaxPageLimit     = 1000
)

// RunFilter narrows a list of runs; zero fields do not.
type RunFilter struct {
	Job       *JobName
	Namespace string // of the job
	Agent     string // the agent's name
	State     RunState
	Since     time.Time // started or due at or after
	Until     time.Time // started or due before
}

// Matches reports whether the filter lets a run pass, whenever that was.
func (f *RunFilter) Matches(r *Run) bool {
	return (f.Job == nil || *f.Job == r.Job) && (f.Namespace == "" || f.Namespace == r.Job.Namespace) &&
		(f.Agent == "" || f.Agent == r.Agent) && (f.State == "" || f.State == r.State)
}

// IncidentFilter narrows a list of incidents; zero fields do not.
type IncidentFilter struct {
	State     IncidentState // open: those that have not ended, acknowledged or not
	Kind      AlertKind
	Job       *JobName
	Namespace string    // of the job
	Agent     string    // the agent's name
	Since     time.Time // opened at or after
}
