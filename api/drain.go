package api

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"crontopus.dev/crontopus"
)

// errDraining is what a server that is about to stop says.
var errDraining = crontopus.Errorf(crontopus.CodeUnavailable, "the server is shutting down").WithHint("try again in a moment")

// Leave tells load balancers that the server is about to stop, by /readyz, and serves on until
// ctx ends: they need a moment to notice. Connections end with their next answer.
func (a *API) Leave(ctx context.Context) {
	a.gate.leaving.Store(true)
	<-ctx.Done()
}

// Drain takes no more requests: /readyz says so, any other is answered 503, and polls that
// wait and streams are let go. It returns when the requests that had been accepted are answered, or
// ctx ends. The listener stays open meanwhile, so that a load balancer sees the reason.
func (a *API) Drain(ctx context.Context) {
	empty := a.gate.shut()
	a.board.close()
	a.tails.close()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// gate counts the requests inside. Once it is shut it lets nobody in but health checks.
type gate struct {
	mu      sync.Mutex
	inside  int
	closing bool
	empty   chan struct{} // closed when the gate is shut and the last one has left

	leaving atomic.Bool // it will soon be shut
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

func (g *gate) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathHealth || r.URL.Path == pathReady {
			next.ServeHTTP(w, r)
			return
		}
		if g.leaving.Load() {
			w.Header().Set("Connection", "close") // the next one is to go where somebody stays
		}
		if visitOf(r.Context()) != nil { // the lobby has let it in
			next.ServeHTTP(w, r)
			return
		}
		if !g.enter() {
			w.Header().Set("Connection", "close")
			writeProblem(w, newProblem(r.Context(), http.StatusServiceUnavailable, errDraining))
			return
		}
		defer g.leave()
		next.ServeHTTP(w, r)
	})
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closing && g.inside == 0 {
		close(g.empty)
	}
}

// shut keeps newcomers out, and returns a channel that closes when nobody is inside.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closing && g.inside == 0 {
		close(g.empty)
	}
	g.closing = true
	return g.empty
}

// ready reports whether a load balancer should send requests.
func (g *gate) ready() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.closing && !g.leaving.Load()
}
