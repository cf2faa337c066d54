package agent

import (
	"slices"

	"crontopus.dev/crontopus"
)

// Plan is what has to happen for a scheduler to hold the desired entries, and what was
// found to differ from what had been applied before. The lists are sorted by job.
type Plan struct {
	Add    []Native
	Change []Native
	Remove []crontopus.JobName
	Keep   []Native
	Drift  []crontopus.Drift // At is not set
}

// MakePlan compares what is desired with what was observed. Drift is measured against
// applied, the entries that this agent last wrote: only what differs from those *and* from what is
// desired was changed by another hand. With applied nil, which means that the record is
// lost, what was observed is adopted as ours without a word.
func MakePlan(desired, applied []Native, observed Observed) Plan {
	want, had, found := byJob(desired), byJob(applied), byJob(observed.Entries)
	plan := Plan{Drift: slices.Clone(observed.Damage)}
	for _, job := range allJobs(desired, applied, observed.Entries) {
		wanted, isWanted := want[job]
		was, isFound := found[job]
		switch {
		case isWanted && !isFound:
			plan.Add = append(plan.Add, Native{job, wanted})
		case isWanted && was != wanted:
			plan.Change = append(plan.Change, Native{job, wanted})
		case isWanted:
			plan.Keep = append(plan.Keep, Native{job, wanted})
		case isFound:
			plan.Remove = append(plan.Remove, job)
		}
		if applied == nil {
			continue
		}
		wrote, isApplied := had[job]
		switch {
		case isApplied && !isFound && isWanted:
			plan.drifted(job, crontopus.DriftMissing, "")
		case isApplied && isFound && was != wrote && was != wanted:
			plan.drifted(job, crontopus.DriftEdited, was)
		case !isApplied && isFound && was != wanted:
			plan.drifted(job, crontopus.DriftUnexpected, was)
		}
	}
	return plan
}

func (p *Plan) drifted(job crontopus.JobName, kind crontopus.DriftKind, found string) {
	p.Drift = append(p.Drift, crontopus.Drift{Entry: job.String(), Kind: kind, Detail: found})
}

func byJob(entries []Native) map[crontopus.JobName]string {
	m := make(map[crontopus.JobName]string, len(entries))
	for _, e := range entries {
		m[e.Job] = e.Text
	}
	return m
}

// allJobs returns every job that one of the lists names, once, sorted.
func allJobs(lists ...[]Native) []crontopus.JobName {
	var jobs []crontopus.JobName
	for _, list := range lists {
		for _, e := range list {
			jobs = append(jobs, e.Job)
		}
	}
	slices.SortFunc(jobs, crontopus.JobName.Compare)
	return slices.Compact(jobs)
}
