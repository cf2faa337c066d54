package agent

import (
	"context"

	"crontopus.dev/crontopus"
)

// Native is one entry in its scheduler's own words: the lines of a crontab, for one.
type Native struct {
	Job  crontopus.JobName `json:"job"`
	Text string            `json:"text"` // without a final newline
}

// Observed is what a scheduler was found to hold of ours.
type Observed struct {
	Entries []Native          // sorted by job
	Damage  []crontopus.Drift // what cannot be read as an entry: broken markers, strange lines; At is not set
}

// Scheduler is what starts jobs on a host. It touches nothing but its managed entries,
// and knows them by their markers alone, so that a lost state folder loses no entry.
type Scheduler interface {
	// Name is the word for this scheduler in configuration and reports.
	Name() string
	// HostZone returns the name of the zone that `timezone: host` means, "" for nobody knows.
	HostZone() string
	// Render says how the scheduler would hold the job, which names its zone. It depends on
	// the job and the host's zone only.
	Render(job *crontopus.Job) (Native, error)
	// Observe reads the managed entries that are there now.
	Observe(ctx context.Context) (Observed, error)
	// Apply makes the managed entries exactly these, and writes nothing when they are.
	Apply(ctx context.Context, entries []Native) error
}
