package api

import (
	"context"
	"net/http"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type alertingStore interface {
	DesiredAlerting(ctx context.Context, tenant crontopus.TenantID) ([]crontopus.DesiredAlerting, error)
}

// alerting shows who is told of what. It changes nothing: that, too, comes from Git.
type alerting struct{ store alertingStore }

func (s alerting) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/alerting", "list-alerting", tagAccess, "List the policies, channels and windows",
		"As the repositories have them, after defaults, and where they stand: with the names of secrets."), s.list)
}

func (s alerting) list(ctx context.Context, _ *struct{}) (*body[wire.List[wire.Alerting]], error) {
	found, err := s.store.DesiredAlerting(ctx, callerOf(ctx).tenant)
	if err != nil {
		return nil, err
	}
	list := make([]wire.Alerting, len(found))
	for i, d := range found {
		list[i] = wire.Alerting{Policy: d.Policy, Channel: d.Channel, Window: d.Window, SourceID: d.SourceID, Path: d.Path, Line: d.Line, Revision: d.Revision}
	}
	return listOf(list, ""), nil
}
