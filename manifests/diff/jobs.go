package diff

import (
	"cmp"
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schedule"
)

// Kind says what becomes of a job.
type Kind string

// The kinds, in the order in which they are told: what goes is what people must not miss.
const (
	Removed Kind = "removed"
	Changed Kind = "changed"
	Added   Kind = "added"
)

var kinds = []Kind{Removed, Changed, Added}

// Change is one job that is not as before.
type Change struct {
	Kind   Kind              `json:"change"`
	Job    crontopus.JobName `json:"job"`
	File   string            `json:"file"` // where the job stands; for one that goes, where it stood
	Line   int               `json:"line"`
	Fields []Field           `json:"fields"`

	Entries    Entries           `json:"entries"`
	RunsBefore *Runs             `json:"runsBefore,omitempty"`
	RunsAfter  *Runs             `json:"runsAfter,omitempty"`
	Hazards    []schedule.Hazard `json:"hazards"` // of times that are new
	Owner      string            `json:"owner,omitempty"`

	manifests.Move `json:"-"`
}

// SameTimes reports whether the job runs when it ran.
func (c *Change) SameTimes() bool {
	return c.RunsBefore != nil && c.RunsAfter != nil && c.RunsBefore.Timezone == c.RunsAfter.Timezone && c.RunsBefore.Suspended == c.RunsAfter.Suspended &&
		slices.Equal(c.RunsBefore.Schedule, c.RunsAfter.Schedule)
}

// Jobs compares two states of the manifests, each with every job once. The changes are
// ordered by kind, then by name.
func Jobs(before, after []crontopus.DesiredJob) []Change {
	was := make(map[crontopus.JobName]*crontopus.DesiredJob, len(before))
	for i := range before {
		was[before[i].Job.Name()] = &before[i]
	}
	var changes []Change
	for i := range after {
		name := after[i].Job.Name()
		old := was[name]
		delete(was, name)
		switch {
		case old == nil:
			changes = append(changes, change(Added, name, nil, &after[i]))
		case digest(old) != digest(&after[i]):
			changes = append(changes, change(Changed, name, old, &after[i]))
		}
	}
	for name, old := range was {
		changes = append(changes, change(Removed, name, old, nil))
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), a.Job.Compare(b.Job))
	})
	return changes
}

func change(kind Kind, name crontopus.JobName, before, after *crontopus.DesiredJob) Change {
	at := cmp.Or(after, before)
	return Change{
		Kind: kind, Job: name, File: at.Path, Line: at.Line, Fields: fields(jobOf(before), jobOf(after)),
		Move: manifests.Move{Before: before, After: after}, Hazards: []schedule.Hazard{},
	}
}

func jobOf(d *crontopus.DesiredJob) *crontopus.Job {
	if d == nil {
		return nil
	}
	return &d.Job
}

func digest(d *crontopus.DesiredJob) string {
	if d.Digest == "" {
		return d.Job.Digest()
	}
	return d.Digest
}
