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
func massRemoval(sourceID string, before, after []crontopus.DesiredJob, agents []crontopus.Agent) *crontopus.Plan {
	had, has := manifests.Entries(before, agents), manifests.Entries(after, agents)
	var removed []string
	for _, entry := range had {
		if _, stays := slices.BinarySearchFunc(has, entry, crontopus.Entry.Compare); !stays {
			removed = append(removed, entry.String())
		}
	}
	nothingLeft := len(had) > 0 && len(has) == 0
	many := len(removed) > freeRemovals && len(removed)*100 > freeRemovalPercent*len(had)
	if !nothingLeft && !many {
		return nil
	}
	slices.Sort(removed)
	return &crontopus.Plan{Source: sourceID, From: jobsDigest(before), To: jobsDigest(after), Removed: removed}
}

// jobsDigest is the digest of a source's jobs, whatever commit says them.
func jobsDigest(desired []crontopus.DesiredJob) string {
	jobs := make([]crontopus.Job, len(desired))
	for i := range desired {
		jobs[i] = desired[i].Job
	}
	return crontopus.JobsDigest(jobs)
}
