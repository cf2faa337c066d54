package api

import (
	"context"
	"net/http"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type secretStore interface {
	SetSecret(ctx context.Context, tenant crontopus.TenantID, actor, name string, value []byte) error
	Secrets(ctx context.Context, tenant crontopus.TenantID) ([]crontopus.Secret, error)
	DeleteSecret(ctx context.Context, tenant crontopus.TenantID, actor, name string) error
}

// secrets keeps what channels refer to. What was stored is never shown again.
type secrets struct{ store secretStore }

func (s secrets) register(r *router) {
	add(r, admin, operation(http.MethodGet, "/api/v1/secrets", "list-secrets", tagAccess, "List the secrets", "Their names, never their values."), s.list)
	add(r, admin, operation(http.MethodPost, "/api/v1/secrets", "set-secret", tagAccess, "Store a secret",
		"In the place of one of that name, if there is one."), s.set)
	add(r, admin, operation(http.MethodDelete, "/api/v1/secrets/{name}", "delete-secret", tagAccess, "Forget a secret",
		"Channels that refer to it deliver nothing from then on."), s.delete)
}

func (s secrets) list(ctx context.Context, _ *struct{}) (*body[wire.List[crontopus.Secret]], error) {
	list, err := s.store.Secrets(ctx, callerOf(ctx).tenant)
	if err != nil {
		return nil, err
	}
	return listOf(list, ""), nil
}

func (s secrets) set(ctx context.Context, in *struct{ Body wire.SecretInput }) (*struct{}, error) {
	c := callerOf(ctx)
	return nil, s.store.SetSecret(ctx, c.tenant, c.actor(), in.Body.Name, []byte(in.Body.Value))
}

func (s secrets) delete(ctx context.Context, in *struct {
	Name string `path:"name"`
}) (*struct{}, error) {
	c := callerOf(ctx)
	return nil, s.store.DeleteSecret(ctx, c.tenant, c.actor(), in.Name)
}
