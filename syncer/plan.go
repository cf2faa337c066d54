package syncer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// plan is what a revision would change.
type plan struct {
	*change

	desired   crontopus.DesiredState
	alerting  []crontopus.DesiredAlerting
	mark      []string // ids of the agents that a change concerns
	agentsSeq int64
	held      *crontopus.Plan // nil: no mass removal
}

// check returns every problem of the revision, ordered by file and place.
func (l *loaded) check() []crontopus.Problem {
	problems := slices.Concat(l.problems, manifests.Check(l.docs), manifests.CheckAlerting(l.alerting))
	sortProblems(problems)
	return problems
}

func sortProblems(problems []crontopus.Problem) {
	slices.SortStableFunc(problems, func(a, b crontopus.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// plan compares the revision with the desired state as it is now.
func (a *attempt) plan(ctx context.Context, found *loaded, l *listing) (*plan, error) {
	set, _, err := a.memory.read(ctx, a.source.Tenant)
	if err != nil {
		return nil, err
	}
	agents, agentsSeq, err := a.fleet.read(ctx, a.source.Tenant)
	if err != nil {
		return nil, err
	}
	alerting, err := a.Store.DesiredAlerting(ctx, a.source.Tenant)
	if err != nil {
		return nil, err
	}
	state, others := split(set, a.source.ID)
	if l.PathMissing && len(state.Jobs) == 0 {
		return nil, refused(crontopus.ReasonValidationFailed, []crontopus.Problem{{
			File: cleanPath(a.source.Path), Code: manifests.CodeUnreadable,
			Message: "branch " + a.source.Branch + " has no such folder, and the source reads its manifests there",
			Hint:    "push the folder, or add the source with another path"}})
	}
	problems := slices.Concat(a.owned(ctx, found.docs, others), a.ownedAlerting(ctx, found.alerting, alerting),
		a.beyond(found.docs, agents), a.beyondInAlerting(found.alerting), found.overfull(agents))
	if len(problems) > 0 {
		sortProblems(problems)
		return nil, refused(crontopus.ReasonValidationFailed, problems)
	}
	c := a.change(found, state.Jobs, l.Commit)
	p := &plan{
		desired:  crontopus.DesiredState{SourceID: a.source.ID, Sequence: state.Sequence, Revision: a.revision, Jobs: c.jobs},
		alerting: a.desiredAlerting(found, alerting, l.Commit),
		change:   c, mark: c.concerned(agents), agentsSeq: agentsSeq,
		held: massRemoval(a.source.ID, state.Jobs, c, agents),
	}
	if sealBroken(a.source) { // the publisher has refused whoever was marked meanwhile
		p.mark = everyone(agents)
	}
	if p.desired.Seal, err = seal(a.source.Tenant, p.desired, a.Key); err != nil {
		return nil, err
	}
	return p, nil
}

// sealBroken: the publisher found that the source's desired state is not what a sync wrote.
func sealBroken(src crontopus.Source) bool {
	c := condition(src.Status.Conditions, crontopus.ConditionStalled)
	return c.Status && c.Reason == crontopus.ReasonSealBroken
}

func everyone(agents []crontopus.Agent) []string {
	ids := make([]string, len(agents))
	for i := range agents {
		ids[i] = agents[i].ID
	}
	return ids
}

// split takes one source's state out of the set.
func split(set crontopus.DesiredSet, sourceID string) (own crontopus.DesiredState, others []crontopus.DesiredState) {
	for _, state := range set.States {
		if state.SourceID == sourceID {
			own = state
		} else {
			others = append(others, state)
		}
	}
	return own, others
}

// sourceName is what people call a source.
func (a *attempt) sourceName(ctx context.Context, id string) string {
	if source, err := a.Store.SystemSource(ctx, id); err == nil {
		return source.Name
	}
	return id
}

// owned finds jobs that another source of the tenant named first.
func (a *attempt) owned(ctx context.Context, docs []manifests.Document, others []crontopus.DesiredState) []crontopus.Problem {
	owners := map[crontopus.JobName]*crontopus.DesiredJob{}
	for _, state := range others {
		for i := range state.Jobs {
			owners[state.Jobs[i].Job.Name()] = &state.Jobs[i]
		}
	}
	var problems []crontopus.Problem
	for _, doc := range docs {
		owner, taken := owners[doc.Job.Name()]
		if !taken {
			continue
		}
		name := a.sourceName(ctx, owner.SourceID)
		problems = append(problems, crontopus.Problem{
			File: doc.Path, Line: doc.Line, Column: doc.Column, Path: "/metadata/name", Code: manifests.CodeDuplicateJob,
			Message: fmt.Sprintf("the job %s belongs to the source %s, which has it in %s:%d", doc.Job.Name(), name, owner.Path, owner.Line),
			Hint:    "rename one of the two, give it another namespace, or take it out of " + name + " first",
		})
	}
	return problems
}
