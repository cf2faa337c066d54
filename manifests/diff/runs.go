package diff

import (
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

const (
	nextRuns    = 5
	hazardYears = 2 // how far ahead changes of the clock are looked for
)

// Runs says when a job runs, on one side of a change.
type Runs struct {
	Schedule  []string    `json:"schedule"`
	Timezone  string      `json:"timezone"`         // in which Next is told
	Reboot    bool        `json:"reboot,omitempty"` // also when its host starts
	Suspended bool        `json:"suspended,omitempty"`
	Next      []time.Time `json:"next"`
}

// runsOf tells the runs after a time. A job in its hosts' own zone is told in the zone given.
func runsOf(d *crontopus.DesiredJob, hostZone string, from time.Time) (*Runs, *schedule.Set) {
	if d == nil {
		return nil, nil
	}
	job, _ := d.Job.InZone(func() string { return hostZone }) // which is never empty
	runs := &Runs{Schedule: job.Spec.Schedule, Timezone: job.Spec.Timezone, Suspended: job.Spec.Suspend, Next: []time.Time{}}
	set, err := schedule.Of(job)
	if err != nil || job.Spec.Suspend {
		return runs, nil // a schedule of another version has no times here
	}
	runs.Reboot = set.Reboot()
	for at, ok := set.Next(from); ok && len(runs.Next) < nextRuns; at, ok = set.Next(at) {
		runs.Next = append(runs.Next, at)
	}
	return runs, set
}

// tellRuns adds when the job ran and when it will, and which of its new times a change of the
// clock touches.
func (c *Change) tellRuns(hostZone string, from time.Time) {
	var set *schedule.Set
	c.RunsBefore, _ = runsOf(c.Before, hostZone, from)
	c.RunsAfter, set = runsOf(c.After, hostZone, from)
	if set != nil && !c.SameTimes() {
		c.Hazards = append(c.Hazards, set.Hazards(from, from.AddDate(hazardYears, 0, 0))...)
	}
}
