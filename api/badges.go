package api

import (
	"context"
	"net/http"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type badgeStore interface {
	EnsureBadge(ctx context.Context, tenant crontopus.TenantID, actor string, b crontopus.Badge) (crontopus.Badge, error)
	Badges(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (list []crontopus.Badge, next string, err error)
	RotateBadge(ctx context.Context, tenant crontopus.TenantID, actor, id string) (crontopus.Badge, error)
	RemoveBadge(ctx context.Context, tenant crontopus.TenantID, actor, id string) error
	SystemBadge(ctx context.Context, id string) (crontopus.Badge, error)
	BadgeState(ctx context.Context, tenant crontopus.TenantID, b crontopus.Badge) (crontopus.BadgeState, error)
}

func (s *badges) register(r *router) {
	add(r, operator, operation(http.MethodGet, "/api/v1/badges", "list-badges", tagAccess, "List the badges and their addresses", ""), s.list)
	add(r, operator, created(operation(http.MethodPost, "/api/v1/badges", "create-badge", tagAccess, "Make a badge",
		"Of the job with the `namespace` and `name`, or of all jobs with the `label`, a `key=value`, in the `namespace` if one is given. Where there is one already it is the answer.")), s.ensure)
	add(r, operator, operation(http.MethodPost, "/api/v1/badges/{id}/rotate", "rotate-badge", tagAccess, "Give a badge another address",
		"The one before answers 404 from now on, on every server within 10 seconds."), s.rotate)
	add(r, operator, operation(http.MethodDelete, "/api/v1/badges/{id}", "remove-badge", tagAccess, "Remove a badge", ""), s.remove)
	r.handlePublic(pathBadge+"*", s.serve, describeBadge("badge", ".svg", "image/svg+xml"), describeBadge("badge-json", ".json", "application/json"))
}

// shown is a badge with its addresses.
func (s *badges) shown(b crontopus.Badge) wire.Badge {
	at := s.publicURL + pathBadge + b.ID
	return wire.Badge{Badge: b, SVG: at + ".svg", JSON: at + ".json"}
}

func (s *badges) list(ctx context.Context, in *PageIn) (*body[wire.List[wire.Badge]], error) {
	found, next, err := s.store.Badges(ctx, callerOf(ctx).tenant, in.page())
	if err != nil {
		return nil, err
	}
	list := make([]wire.Badge, len(found))
	for i := range found {
		list[i] = s.shown(found[i])
	}
	return listOf(list, next), nil
}

func (s *badges) ensure(ctx context.Context, in *struct{ Body wire.BadgeInput }) (*body[wire.Badge], error) {
	of := crontopus.Badge{Namespace: in.Body.Namespace, Name: in.Body.Name, Label: in.Body.Label}
	if err := checkBadge(&of); err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	made, err := s.store.EnsureBadge(ctx, c.tenant, c.actor(), of)
	if err != nil {
		return nil, err
	}
	return answer(s.shown(made)), nil
}

// checkBadge refuses a badge that is of nothing, or of two things.
func checkBadge(b *crontopus.Badge) error {
	const hint = `name a job by {"namespace": …, "name": …}, or jobs by {"label": "team=platform"}`
	key, value, pair := strings.Cut(b.Label, "=")
	switch {
	case (b.Name == "") == (b.Label == ""):
		return invalid("a badge is of one job or of one label").WithHint(hint)
	case b.Label != "" && (!pair || key == ""):
		return invalid("%.100q is not a label", b.Label).WithHint(hint)
	case b.Namespace != "" && !crontopus.ValidName(b.Namespace), b.Name != "" && !crontopus.ValidName(b.Name), b.Name != "" && b.Namespace == "":
		return invalid("%.100q is not the name of a job", b.Of()).WithHint(hint)
	}
	if b.Label == "" {
		return nil
	}
	return checkPairs("label", map[string]string{key: value})
}

func (s *badges) rotate(ctx context.Context, in *badgeIn) (*body[wire.Badge], error) {
	c := callerOf(ctx)
	b, err := s.store.RotateBadge(ctx, c.tenant, c.actor(), in.ID)
	if err != nil {
		return nil, err
	}
	s.known.Forget()
	return answer(s.shown(b)), nil
}

func (s *badges) remove(ctx context.Context, in *badgeIn) (*struct{}, error) {
	c := callerOf(ctx)
	err := s.store.RemoveBadge(ctx, c.tenant, c.actor(), in.ID)
	s.known.Forget()
	return nil, err
}

type badgeIn struct {
	ID string `path:"id" doc:"What the badge's address ends with"`
}
