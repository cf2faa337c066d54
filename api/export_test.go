package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"crontopus.dev/crontopus"
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

// PingSaid is what a ping's address says.
type PingSaid struct {
	URL, Key, Slug string
	Event          crontopus.Event
	ExitCode       *int
	Log            bool
}

// ParsePing reads what follows /ping/.
func ParsePing(path string) (PingSaid, bool) {
	p, ok := parsePingPath(path)
	return PingSaid{p.url, p.key, p.slug, p.event, p.exitCode, p.log}, ok
}

// BadgeSVG draws a badge.
var BadgeSVG = badgeSVG

// EndTails ends all streams, also those to come.
func (a *API) EndTails() { a.tails.close() }

// Tails is how many follow runs.
func (a *API) Tails() int {
	a.tails.mu.Lock()
	defer a.tails.mu.Unlock()
	return a.tails.all
}
