package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

type keyStore interface {
	CreateAPIKey(ctx context.Context, tenant crontopus.TenantID, actor string, key crontopus.APIKey, hash [32]byte) error
	APIKeys(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (keys []crontopus.APIKey, next string, err error)
	RevokeAPIKey(ctx context.Context, tenant crontopus.TenantID, actor, id string) error
}

// keys makes, lists and revokes API keys.
type keys struct {
	store  keyStore
	now    func() time.Time
	forget func() // what is remembered of keys
}

func (s keys) register(r *router) {
	add(r, admin, operation(http.MethodGet, "/api/v1/api-keys", "list-api-keys", tagAccess, "List the API keys", "Never their secrets."), s.list)
	add(r, admin, created(operation(http.MethodPost, "/api/v1/api-keys", "create-api-key", tagAccess, "Make an API key",
		"The secret is in this answer and nowhere else.")), s.create)
	add(r, admin, operation(http.MethodDelete, "/api/v1/api-keys/{id}", "revoke-api-key", tagAccess, "Revoke an API key",
		"It is refused from the next request on; by other servers of the installation, within a second."), s.revoke)
}

func (s keys) list(ctx context.Context, in *PageIn) (*body[wire.List[crontopus.APIKey]], error) {
	found, next, err := s.store.APIKeys(ctx, callerOf(ctx).tenant, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(found, next), nil
}

func (s keys) create(ctx context.Context, in *struct{ Body wire.KeyInput }) (*body[wire.KeyMade], error) {
	c := callerOf(ctx)
	if in.Body.Name == "" {
		return nil, invalid("an API key needs a name").WithHint("name who or what will hold it")
	}
	if err := checkText("the name", in.Body.Name, 100); err != nil {
		return nil, err
	}
	if !in.Body.Role.Valid() {
		return nil, invalid("%q is not a role", in.Body.Role).WithHint("use viewer, operator or admin")
	}
	secret := token.New(token.APIKey)
	key := crontopus.APIKey{
		ID: uuid.Must(uuid.NewV7()).String(), Tenant: c.tenant, Name: in.Body.Name, Role: in.Body.Role, CreatedAt: s.now().UTC(),
	}
	if err := s.store.CreateAPIKey(ctx, c.tenant, c.actor(), key, token.Hash(secret)); err != nil {
		return nil, err
	}
	return answer(wire.KeyMade{Key: key, Secret: secret}), nil
}

func (s keys) revoke(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*struct{}, error) {
	c := callerOf(ctx)
	defer s.forget()
	return nil, s.store.RevokeAPIKey(ctx, c.tenant, c.actor(), in.ID)
}

// whoami tells a caller whose key it holds.
type whoami struct{}

func (whoami) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/whoami", "whoami", tagAccess, "Whose API key this is", ""), whoami{}.get)
}

func (whoami) get(ctx context.Context, _ *struct{}) (*body[wire.Whoami], error) {
	c := callerOf(ctx)
	return answer(wire.Whoami{Tenant: c.tenant, KeyID: c.key.ID, Name: c.key.Name, Role: c.key.Role}), nil
}
