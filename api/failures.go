package api

import (
	"context"
	"net"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"golang.org/x/time/rate"

	"crontopus.dev/crontopus"
)

// failureLimit makes an address that only fails wait. It counts failures, so a hundred
// hosts that enroll behind one address are not held up.
type failureLimit struct {
	mu   sync.Mutex
	seen map[string]*rate.Limiter
}

// An address may fail a few times at once, then every few seconds. So many addresses are
// remembered at most; a flood from more of them makes all start over, and costs no memory.
const (
	failureBurst    = 20
	failureRate     = rate.Limit(0.2)
	rememberedAddrs = 4096
)

type addressKey struct{}

func newFailureLimit() *failureLimit { return &failureLimit{seen: map[string]*rate.Limiter{}} }

// guard refuses an address that has failed too often.
func (f *failureLimit) guard(ctx huma.Context, next func(huma.Context)) {
	addr, _, err := net.SplitHostPort(ctx.RemoteAddr())
	if err != nil {
		addr = ctx.RemoteAddr()
	}
	if f.of(addr).Tokens() < 1 {
		_, w := humachi.Unwrap(ctx)
		e := crontopus.Errorf(codeRateLimited, "there were too many failed attempts from this address").WithHint("wait a few seconds")
		writeProblem(w, newProblem(ctx.Context(), statuses[codeRateLimited], e))
		return
	}
	next(huma.WithValue(ctx, addressKey{}, addr))
}

// count notes that the request failed.
func (f *failureLimit) count(ctx context.Context) {
	if addr, ok := ctx.Value(addressKey{}).(string); ok {
		f.of(addr).Allow()
	}
}

func (f *failureLimit) of(addr string) *rate.Limiter {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.seen[addr]
	if l == nil {
		if len(f.seen) >= rememberedAddrs {
			clear(f.seen)
		}
		l = rate.NewLimiter(failureRate, failureBurst)
		f.seen[addr] = l
	}
	return l
}
