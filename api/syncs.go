package api

import (
	"context"
	"net/http"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type syncStore interface {
	Syncs(ctx context.Context, tenant crontopus.TenantID, source string, page crontopus.Page) (syncs []crontopus.Sync, next string, err error)
	Sync(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.Sync, error)
}

// syncs shows what became of a source's revisions.
type syncs struct{ store syncStore }

func (s syncs) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/sources/{name}/syncs", "list-syncs", tagSources, "List a source's syncs, newest first", ""), s.list)
	add(r, viewer, operation(http.MethodGet, "/api/v1/syncs/{id}", "get-sync", tagSources, "Get a sync",
		"Every problem of a revision that was refused, the plan of one that is held, and when each stage ended."), s.get)
}

func (s syncs) list(ctx context.Context, in *struct {
	NameIn
	PageIn
}) (*body[wire.List[crontopus.Sync]], error) {
	found, next, err := s.store.Syncs(ctx, callerOf(ctx).tenant, in.Name, in.page())
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = showSync(found[i])
	}
	return listOf(found, next), nil
}

func (s syncs) get(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[crontopus.Sync], error) {
	found, err := s.store.Sync(ctx, callerOf(ctx).tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(showSync(found)), nil
}

func showSync(s crontopus.Sync) crontopus.Sync {
	s.Stages = orEmpty(s.Stages)
	if s.Plan != nil {
		plan := *s.Plan
		plan.Removed = orEmpty(plan.Removed)
		s.Plan = &plan
	}
	return s
}
