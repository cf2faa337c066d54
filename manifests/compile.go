package manifests

import (
	"iter"
	"slices"

	crontopus "crontopus.dev/crontopus"
)

// CompileBundle returns the jobs that an agent gets, sorted by name, each with the URL of
// its source, and the revision that last changed each, by the job's full name. Suspended
// jobs stay off the hosts. Neither result is nil.
func CompileBundle(agent *crontopus.Agent, desired iter.Seq[*crontopus.DesiredJob], sourceURL func(sourceID string) string) (jobs []crontopus.Job, revisions map[string]string) {
	jobs, revisions = []crontopus.Job{}, map[string]string{}
	for d := range desired {
		if !RunsOn(&d.Job, agent) {
			continue
		}
		job := d.Job
		job.Source = sourceURL(d.SourceID)
		jobs = append(jobs, job)
		revisions[job.Name().String()] = d.Revision
	}
	slices.SortFunc(jobs, func(a, b crontopus.Job) int { return a.Name().Compare(b.Name()) })
	return jobs, revisions
}

// Entries returns every job on every host that gets it, sorted.
func Entries(jobs []crontopus.DesiredJob, agents []crontopus.Agent) []crontopus.Entry {
	entries := []crontopus.Entry{}
	for i := range jobs {
		for k := range agents {
			if RunsOn(&jobs[i].Job, &agents[k]) {
				entries = append(entries, crontopus.Entry{Job: jobs[i].Job.Name(), Agent: agents[k].Name})
			}
		}
	}
	slices.SortFunc(entries, crontopus.Entry.Compare)
	return entries
}

// RunsOn reports whether an agent gets the job.
func RunsOn(job *crontopus.Job, agent *crontopus.Agent) bool {
	return !job.Spec.Suspend && job.Spec.Target.Matches(agent)
}
