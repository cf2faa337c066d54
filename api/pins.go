package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type pinStore interface {
	Source(ctx context.Context, tenant crontopus.TenantID, name string) (crontopus.Source, error)
	PinSource(ctx context.Context, tenant crontopus.TenantID, actor, name, commit string, now time.Time) error
	UnpinSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error
	RollbackSource(ctx context.Context, tenant crontopus.TenantID, actor, name, to string, now time.Time) (revision string, err error)
}

// pins holds sources at a commit, and lets them go again.
type pins struct {
	store      pinStore
	now        func() time.Time
	wakeSyncer func()
}

func (s pins) register(r *router) {
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/pin", "pin-source", tagSources, "Hold a source at a commit",
		"Takes a commit of the source's branch, by its hash or the beginning of it, and syncs. What is pushed then changes nothing until the source is unpinned.")), s.pin)
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/unpin", "unpin-source", tagSources, "Let a source follow its branch again", "")), s.unpin)
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/rollback", "rollback-source", tagSources, "Go back to what was in force before",
		"Pins the source to the last revision that was in force before the present one, or to the one that is named by its commit or by the id of a sync.")), s.rollback)
}

// shortestHash is how much of a commit's hash a person has to write.
const shortestHash = 7

func (s pins) pin(ctx context.Context, in *struct {
	NameIn
	Body wire.Pin
}) (*struct{}, error) {
	c := callerOf(ctx)
	source, err := s.store.Source(ctx, c.tenant, in.Name)
	if err != nil {
		return nil, err
	}
	commit := strings.ToLower(strings.TrimPrefix(in.Body.Revision, crontopus.Revision(source.Branch, "")))
	if len(commit) < shortestHash || len(commit) > 40 || strings.Trim(commit, "0123456789abcdef") != "" {
		return nil, invalid("%q is no commit of the branch %s", in.Body.Revision, source.Branch).
			WithHint("write its hash, or the first %d characters of it or more; git log shows it", shortestHash)
	}
	if err := s.store.PinSource(ctx, c.tenant, c.actor(), in.Name, commit, s.now()); err != nil {
		return nil, err
	}
	s.wakeSyncer()
	return nil, nil
}

func (s pins) unpin(ctx context.Context, in *NameIn) (*struct{}, error) {
	c := callerOf(ctx)
	if err := s.store.UnpinSource(ctx, c.tenant, c.actor(), in.Name, s.now()); err != nil {
		return nil, err
	}
	s.wakeSyncer()
	return nil, nil
}

func (s pins) rollback(ctx context.Context, in *struct {
	NameIn
	Body wire.Rollback
}) (*body[wire.Pin], error) {
	c := callerOf(ctx)
	if err := checkText("the revision", in.Body.To, 300); err != nil {
		return nil, err
	}
	revision, err := s.store.RollbackSource(ctx, c.tenant, c.actor(), in.Name, in.Body.To, s.now())
	if err != nil {
		return nil, err
	}
	s.wakeSyncer()
	return answer(wire.Pin{Revision: revision}), nil
}
