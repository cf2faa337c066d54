package manifests

import (
	"slices"

	crontopus "crontopus.dev/crontopus"
)

// A removal of more than both waits for a person; so does one that leaves nothing.
const (
	FreeRemovals       = 10 // entries
	FreeRemovalPercent = 30 // of the source's entries
)

// Move is a job that does not run as before.
type Move struct {
	Before, After *crontopus.DesiredJob // nil: there was none, there is none
}

// On reports whether an agent had the job, and whether it has it now.
func (m Move) On(agent *crontopus.Agent) (had, has bool) {
	return m.Before != nil && RunsOn(&m.Before.Job, agent), m.After != nil && RunsOn(&m.After.Job, agent)
}

// Removed returns the entries that moves take off their hosts, sorted. It does not matter why
// they go: the job deleted, its target relabelled, suspended, or the whole folder moved.
func Removed(moves []Move, agents []crontopus.Agent) []crontopus.Entry {
	var removed []crontopus.Entry
	for _, m := range moves {
		for i := range agents {
			if had, has := m.On(&agents[i]); had && !has {
				removed = append(removed, crontopus.Entry{Job: m.Before.Job.Name(), Agent: agents[i].Name})
			}
		}
	}
	slices.SortFunc(removed, crontopus.Entry.Compare)
	return removed
}

// MassRemoval reports whether so many removed entries, of those that a source had before,
// are too many to go without a person's word.
func MassRemoval(removed int, before, after []crontopus.DesiredJob, agents []crontopus.Agent) bool {
	switch {
	case removed == 0:
		return false
	case !somethingLeft(after, agents):
		return true
	case removed <= FreeRemovals:
		return false // looking at every job on every host takes long, and few changes need it
	}
	return removed*100 > FreeRemovalPercent*len(Entries(before, agents))
}

// somethingLeft reports whether any host gets any of the jobs.
func somethingLeft(jobs []crontopus.DesiredJob, agents []crontopus.Agent) bool {
	return slices.ContainsFunc(jobs, func(j crontopus.DesiredJob) bool {
		return slices.ContainsFunc(agents, func(a crontopus.Agent) bool { return RunsOn(&j.Job, &a) })
	})
}
