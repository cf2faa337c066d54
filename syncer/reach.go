package syncer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// codeBeyondLimit is a problem's code: the manifest is right, and its source may not say it.
const codeBeyondLimit = "beyond_limit"

// beyond returns what of a revision goes beyond the source's limits, each at the field that does.
// Jobs that are suspended are bound like all others: one more commit would start them.
func (a *attempt) beyond(docs []manifests.Document, agents []crontopus.Agent) []crontopus.Problem {
	limits := a.source.Limits
	if limits.IsZero() {
		return nil
	}
	var problems []crontopus.Problem
	said := map[crontopus.Problem]bool{}
	add := func(doc *manifests.Document, pointer, what string) {
		problem := a.beyondAt(doc.At(pointer), pointer, what)
		if !said[problem] { // as many jobs would, that Defaults give it to
			problems = append(problems, problem)
		}
		said[problem] = true
	}
	limited := "the source " + a.source.Name + " is limited to "
	entries, crossed := 0, false
	for i := range docs {
		doc := &docs[i]
		job := doc.Job
		if !limits.Namespace(job.Metadata.Namespace) {
			add(doc, "/metadata/namespace", fmt.Sprintf("the namespace is %s, and %snamespaces %s",
				job.Metadata.Namespace, limited, strings.Join(limits.Namespaces, ", ")))
		}
		if !limits.Target(job.Spec.Target) {
			add(doc, "/spec/target", "the target does not name every label that it must, and "+limited+"targets with labels "+pairs(limits.Labels))
		}
		if user := job.Spec.Run.User; !job.Spec.Target.Ping && !limits.User(user) {
			what := "the job runs as " + user
			if user == "" {
				what = "the job names no user"
			}
			add(doc, "/spec/run/user", what+", and "+limited+"users "+strings.Join(limits.Users, ", "))
		}
		if limits.MaxEntries == 0 || crossed {
			continue
		}
		entries += len(manifests.Entries([]crontopus.DesiredJob{{Job: *job}}, agents))
		if crossed = !limits.Entries(entries); crossed {
			add(doc, "/spec/target", fmt.Sprintf("with this job the source's jobs come to %d entries on today's hosts, and %s%s",
				entries, limited, count(limits.MaxEntries, "entry", "entries")))
		}
	}
	return problems
}

// beyondAt is the problem of what reaches beyond a limit.
func (a *attempt) beyondAt(at manifests.Place, pointer, what string) crontopus.Problem {
	return crontopus.Problem{
		File: at.File, Line: at.Line, Column: at.Column, Path: pointer, Code: codeBeyondLimit, Message: what,
		Hint: "keep it within that, or ask an admin of Crontopus to widen it: crontopus sources limit " + a.source.Name,
	}
}

// pairs writes labels as K=V, sorted.
func pairs(labels map[string]string) string {
	list := slices.Sorted(maps.Keys(labels))
	for i, key := range list {
		list[i] = key + "=" + labels[key]
	}
	return strings.Join(list, ", ")
}

// stillWithin reports whether the jobs in force are no more entries than the source may have:
// hosts that were enrolled since get them too, and then the next sync says so.
func (a *attempt) stillWithin(ctx context.Context) (bool, error) {
	if a.source.Limits.MaxEntries == 0 {
		return true, nil
	}
	set, _, err := a.memory.read(ctx, a.source.Tenant)
	if err != nil {
		return false, err
	}
	agents, _, err := a.fleet.read(ctx, a.source.Tenant)
	if err != nil {
		return false, err
	}
	state, _ := split(set, a.source.ID)
	return a.source.Limits.Entries(len(manifests.Entries(state.Jobs, agents))), nil
}
