package syncer

import (
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// massRemoval returns the plan that a person must approve, nil if the change may go ahead;
// the rule is manifests.MassRemoval. The plan says nothing of commits: a squash or merge of the
// same change has the same digest.
func massRemoval(sourceID string, before []crontopus.DesiredJob, c *change, agents []crontopus.Agent) *crontopus.Plan {
	entries := manifests.Removed(c.moves, agents)
	if !manifests.MassRemoval(len(entries), before, c.jobs, agents) {
		return nil
	}
	removed := make([]string, len(entries))
	for i, entry := range entries {
		removed[i] = entry.String()
	}
	slices.Sort(removed)
	return &crontopus.Plan{Source: sourceID, From: jobsDigest(before), To: jobsDigest(c.jobs), Removed: removed}
}

// jobsDigest is the digest of a source's jobs, whatever commit says them.
func jobsDigest(desired []crontopus.DesiredJob) string {
	jobs := make([]crontopus.Job, len(desired))
	for i := range desired {
		jobs[i] = desired[i].Job
	}
	return crontopus.JobsDigest(jobs)
}
