package api

import (
	"context"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
)

type healthStore interface {
	Ping(ctx context.Context) error
}

// health tells a supervisor whether the process lives, and a load balancer whether it
// should get requests.
type health struct {
	store healthStore
	gate  *gate
}

// pingTimeout is when a store that does not answer counts as away.
const pingTimeout = 2 * time.Second

// Where they are asked; they answer even while the server drains.
const (
	pathHealth = "/healthz"
	pathReady  = "/readyz"
)

func (h health) register(r *router) {
	add(r, public, operation(http.MethodGet, pathHealth, "healthz", tagServer, "Whether the process lives", ""), h.live)
	add(r, public, operation(http.MethodGet, pathReady, "readyz", tagServer, "Whether the server takes requests",
		"503 while the server is shutting down, or its database does not answer or takes nothing that is written."), h.ready)
}

type statusBody struct {
	Status string `json:"status" enum:"ok"`
}

func (h health) live(context.Context, *struct{}) (*body[statusBody], error) {
	return answer(statusBody{"ok"}), nil
}

func (h health) ready(ctx context.Context, _ *struct{}) (*body[statusBody], error) {
	if !h.gate.ready() {
		return nil, errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := h.store.Ping(ctx); err != nil {
		return nil, &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the database does not answer, or takes nothing that is written", Err: err}
	}
	return answer(statusBody{"ok"}), nil
}
