package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Walk calls f for every route that the router answers.
func (a *API) Walk(f func(method, path string) error) error {
	return chi.Walk(a.mux, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		return f(method, path)
	})
}

// RegisterWithout tries to register a route that declares no permission.
func RegisterWithout() error {
	_, r := build(Options{})
	add(r, "", operation(http.MethodGet, "/api/v1/secrets", "secrets", tagServer, "", ""), health{}.live)
	return r.err
}
