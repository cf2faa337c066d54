package api

import (
	"context"
	"io"
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
	smallBody     = 4 << 10          // bytes that are not counted: a connection itself holds more; a stranger's body is counted in steps of it
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

// hold is the middleware. It comes after the one that finds out who asks. Who has a key holds from the start what
// the body may become; a stranger holds what has come, so that announcing much and sending nothing keeps nobody out.
func (m *bodyMemory) hold(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	tenant := callerOf(ctx.Context()).tenant
	if tenant == "" {
		c := m.claim("route " + ctx.Operation().Path)
		defer c.release()
		r.Body = &arrivingBody{ReadCloser: r.Body, ctx: r.Context(), claim: c, room: smallBody}
		next(ctx)
		return
	}
	weight := min(ctx.Operation().MaxBodyBytes, bodiesOfOne)
	if n := r.ContentLength; n >= 0 {
		weight = min(weight, n)
	}
	release, err := m.acquire(ctx.Context(), "tenant "+string(tenant), weight)
	if err == nil {
		defer release()
		next(ctx)
		return
	}
	writeProblem(w, newProblem(ctx.Context(), http.StatusServiceUnavailable, errBusy)) // nobody reads it if the caller has gone
}

// arrivingBody waits for room before it reads on. errBusy where none comes soon.
type arrivingBody struct {
	io.ReadCloser
	ctx   context.Context
	claim *bodyClaim
	room  int // bytes that may come before it is to grow
}

func (b *arrivingBody) Read(p []byte) (int, error) {
	if b.room == 0 {
		if err := b.claim.grow(b.ctx, smallBody); err != nil {
			return 0, err
		}
		b.room = smallBody
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.room)])
	b.room -= n
	return n, err
}

// acquire waits for its turn. errBusy where that does not come soon.
func (m *bodyMemory) acquire(ctx context.Context, who string, weight int64) (release func(), err error) {
	if weight <= smallBody {
		return func() {}, nil
	}
	c := m.claim(who)
	if err := c.grow(ctx, weight); err != nil {
		c.release()
		return nil, err
	}
	return c.release, nil
}

// bodyClaim is what one body holds.
type bodyClaim struct {
	memory *bodyMemory
	who    string
	share  *bodyShare
	weight int64
}

func (m *bodyMemory) claim(who string) *bodyClaim {
	return &bodyClaim{memory: m, who: who, share: m.enter(who)}
}

func (c *bodyClaim) grow(ctx context.Context, weight int64) error {
	err := c.memory.await(ctx, c.share, weight)
	if err == nil {
		c.weight += weight
	}
	return err
}

func (c *bodyClaim) release() {
	c.memory.all.Release(c.weight)
	c.share.Release(c.weight)
	c.memory.leave(c.who, c.share)
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
