package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"golang.org/x/sync/semaphore"

	"crontopus.dev/crontopus"
)

// Bounds of the bodies that are held at once.
const (
	bodiesAtOnce  = 64 << 20         // bytes, of all callers together
	bodiesOfOne   = bodiesAtOnce / 4 // of one tenant, of its pings, or of those who need no key at one route
	bodiesTimeout = 5 * time.Second  // how long a request waits for its turn
	smallBody     = 4 << 10          // bytes that are not counted: a connection itself holds more
)

// errBusy is answered with Retry-After.
var errBusy = &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "too much arrives at once", Hint: "send it again a little later"}

// bodyMemory lets only so many bytes of bodies in at once; the others wait their turn, or are
// sent away when it does not come soon. Nobody gets so much that the others have nothing.
type bodyMemory struct {
	all *semaphore.Weighted

	mu     sync.Mutex
	shares map[string]*bodyShare // of those who hold or await something now
}

type bodyShare struct {
	*semaphore.Weighted
	users int
}

func newBodyMemory() *bodyMemory {
	return &bodyMemory{all: semaphore.NewWeighted(bodiesAtOnce), shares: map[string]*bodyShare{}}
}

// hold is the middleware. It comes after the one that finds out who asks.
func (m *bodyMemory) hold(ctx huma.Context, next func(huma.Context)) {
	weight := min(ctx.Operation().MaxBodyBytes, bodiesOfOne)
	if n := contentLength(ctx); n >= 0 {
		weight = min(weight, n)
	}
	who := "route " + ctx.Operation().Path
	if c := callerOf(ctx.Context()); c.tenant != "" {
		who = "tenant " + string(c.tenant)
	}
	release, err := m.acquire(ctx.Context(), who, weight)
	if err == nil {
		defer release()
		next(ctx)
		return
	}
	_, w := humachi.Unwrap(ctx) // nobody reads it if the caller has gone
	writeProblem(w, newProblem(ctx.Context(), http.StatusServiceUnavailable, errBusy))
}

// acquire waits for its turn. errBusy where that does not come soon.
func (m *bodyMemory) acquire(ctx context.Context, who string, weight int64) (release func(), err error) {
	if weight <= smallBody {
		return func() {}, nil
	}
	share := m.enter(who)
	if err := m.await(ctx, share, weight); err != nil {
		m.leave(who, share)
		return nil, err
	}
	return func() {
		m.all.Release(weight)
		share.Release(weight)
		m.leave(who, share)
	}, nil
}

// await takes no timer where there is room: mostly.
func (m *bodyMemory) await(ctx context.Context, share *bodyShare, weight int64) error {
	if share.TryAcquire(weight) {
		if m.all.TryAcquire(weight) {
			return nil
		}
		share.Release(weight)
	}
	patience, cancel := context.WithTimeout(ctx, bodiesTimeout)
	defer cancel()
	if share.Acquire(patience, weight) != nil {
		return errBusy
	}
	if m.all.Acquire(patience, weight) != nil {
		share.Release(weight)
		return errBusy
	}
	return nil
}

func (m *bodyMemory) enter(who string) *bodyShare {
	m.mu.Lock()
	defer m.mu.Unlock()
	share := m.shares[who]
	if share == nil {
		share = &bodyShare{Weighted: semaphore.NewWeighted(bodiesOfOne)}
		m.shares[who] = share
	}
	share.users++
	return share
}

func (m *bodyMemory) leave(who string, share *bodyShare) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if share.users--; share.users == 0 {
		delete(m.shares, who)
	}
}
