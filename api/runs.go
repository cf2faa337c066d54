package api

import (
	"context"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type runStore interface {
	Runs(ctx context.Context, tenant crontopus.TenantID, filter crontopus.RunFilter, page crontopus.Page) (runs []crontopus.Run, next string, err error)
	Run(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.Run, error)
}

// runs shows what was executed.
type runs struct{ store runStore }

func (s runs) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/runs", "list-runs", tagRuns, "List runs, newest first",
		"The list leaves the output out; a single run has it."), s.list)
	add(r, viewer, operation(http.MethodGet, "/api/v1/runs/{id}", "get-run", tagRuns, "Get a run with its output", ""), s.get)
}

// RunFilterIn is what narrows a list of runs, and those that are followed.
type RunFilterIn struct {
	Job       string `query:"job" example:"production/nightly-backup" doc:"Only runs of this job"`
	Namespace string `query:"namespace" doc:"Only runs of this namespace's jobs"`
	Agent     string `query:"agent" doc:"Only runs on the agent of this name"`
	State     string `query:"state" enum:"running,succeeded,failed,timedOut,missed,skipped,unknown" doc:"Only runs in this state"`
}

func (in *RunFilterIn) filter() (crontopus.RunFilter, error) {
	filter := crontopus.RunFilter{Agent: in.Agent, State: crontopus.RunState(in.State), Namespace: in.Namespace}
	if in.Job != "" {
		name, err := crontopus.ParseJobName(in.Job)
		if err != nil {
			return filter, err
		}
		filter.Job = &name
	}
	return filter, nil
}

type runsIn struct {
	PageIn
	RunFilterIn
	Since time.Time `query:"since" doc:"Only runs that started or were due at or after this time"`
	Until time.Time `query:"until" doc:"Only runs that started or were due before this time"`
}

func (s runs) list(ctx context.Context, in *runsIn) (*body[wire.List[crontopus.Run]], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	filter.Since, filter.Until = in.Since, in.Until
	found, next, err := s.store.Runs(ctx, callerOf(ctx).tenant, filter, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(found, next), nil
}

func (s runs) get(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[crontopus.Run], error) {
	run, err := s.store.Run(ctx, callerOf(ctx).tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(run), nil
}
