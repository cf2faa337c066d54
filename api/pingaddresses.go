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

type pingAddressStore interface {
	RotatePingURL(ctx context.Context, tenant crontopus.TenantID, actor string, job crontopus.JobName) (id string, err error)
	CreatePingKey(ctx context.Context, tenant crontopus.TenantID, actor string, key crontopus.PingKey, hash [32]byte) error
	PingKeys(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (keys []crontopus.PingKey, next string, err error)
	RevokePingKey(ctx context.Context, tenant crontopus.TenantID, actor, id string) error
}

// pingAddresses are what jobs without an agent check in by.
type pingAddresses struct {
	store     pingAddressStore
	now       func() time.Time
	publicURL string
}

func (s pingAddresses) register(r *router) {
	add(r, operator, operation(http.MethodPost, "/api/v1/jobs/{namespace}/{name}/rotate-ping", "rotate-ping", tagJobs, "Give a job another ping URL",
		"Also its first, for a job that has agents and is to be pinged as well. The one before answers 404 from now on, on every server."), s.rotate)
	add(r, operator, operation(http.MethodGet, "/api/v1/ping-keys", "list-ping-keys", tagAccess, "List the ping keys", "Never their secrets."), s.list)
	add(r, operator, created(operation(http.MethodPost, "/api/v1/ping-keys", "create-ping-key", tagAccess, "Make a ping key",
		"It checks in for the jobs of one namespace by their names, and can do nothing else. The secret is in this answer and nowhere else.")), s.create)
	add(r, operator, operation(http.MethodDelete, "/api/v1/ping-keys/{id}", "revoke-ping-key", tagAccess, "Revoke a ping key",
		"It is refused from now on, on every server."), s.revoke)
}

// pingURL is "" for a job that has none.
func pingURL(publicURL, id string) string {
	if id == "" {
		return ""
	}
	return publicURL + pathPing + id
}

func (s pingAddresses) rotate(ctx context.Context, in *JobIn) (*body[wire.PingURL], error) {
	name, err := in.name()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	id, err := s.store.RotatePingURL(ctx, c.tenant, c.actor(), name)
	if err != nil {
		return nil, err
	}
	return answer(wire.PingURL{URL: pingURL(s.publicURL, id)}), nil
}

func (s pingAddresses) list(ctx context.Context, in *PageIn) (*body[wire.List[crontopus.PingKey]], error) {
	found, next, err := s.store.PingKeys(ctx, callerOf(ctx).tenant, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(found, next), nil
}

func (s pingAddresses) create(ctx context.Context, in *struct{ Body wire.PingKeyInput }) (*body[wire.PingKeyMade], error) {
	c := callerOf(ctx)
	secret := token.New(token.PingKey)
	key := crontopus.PingKey{ID: uuid.Must(uuid.NewV7()).String(), Tenant: c.tenant, Namespace: in.Body.Namespace, CreatedAt: s.now().UTC()}
	if err := s.store.CreatePingKey(ctx, c.tenant, c.actor(), key, token.Hash(secret)); err != nil {
		return nil, err
	}
	return answer(wire.PingKeyMade{Key: key, Secret: secret, URL: pingURL(s.publicURL, secret)}), nil
}

func (s pingAddresses) revoke(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*struct{}, error) {
	c := callerOf(ctx)
	return nil, s.store.RevokePingKey(ctx, c.tenant, c.actor(), in.ID)
}
