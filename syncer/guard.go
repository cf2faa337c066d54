package syncer

import (
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// A removal of more than both waits for a person; so does one that leaves nothing.
const (
	freeRemovals       = 10 // entries
	freeRemovalPercent = 30 // of the source's entries
)

// massRemoval returns the plan that a person must approve, nil if the change may go ahead.
// It counts entries, a job on a host each, so it does not matter why they go: the job deleted,
// its target relabelled, suspended, or the whole folder moved. The plan says nothing of commits:
// a squash or merge of the same change has the same digest.
func massRemoval(sourceID string, before []crontopus.DesiredJob, c *change, agents []crontopus.Agent) *crontopus.Plan {
	removed := c.entriesRemoved(agents)
	if len(removed) == 0 || len(removed) <= freeRemovals && somethingLeft(c.jobs, agents) {
		return nil // looking at every job on every host takes long, and few changes need it
	}
	nothingLeft := !somethingLeft(c.jobs, agents)
	many := len(removed) > freeRemovals && len(removed)*100 > freeRemovalPercent*len(manifests.Entries(before, agents))
	if !nothingLeft && !many {
		return nil
	}
	return &crontopus.Plan{Source: sourceID, From: jobsDigest(before), To: jobsDigest(c.jobs), Removed: removed}
}

// somethingLeft reports whether any host gets any of the jobs.
func somethingLeft(jobs []crontopus.DesiredJob, agents []crontopus.Agent) bool {
	return slices.ContainsFunc(jobs, func(j crontopus.DesiredJob) bool {
		return slices.ContainsFunc(agents, func(a crontopus.Agent) bool { return manifests.RunsOn(&j.Job, &a) })
	})
}

// jobsDigest is the digest of a source's jobs, whatever commit says them.
func jobsDigest(desired []crontopus.DesiredJob) string {
	jobs := make([]crontopus.Job, len(desired))
	for i := range desired {
		jobs[i] = desired[i].Job
	}
	return crontopus.JobsDigest(jobs)
}
