package syncer

import (
	"context"
	"sync"
	"time"
)

// spareDelay keeps the start of a spare out of the way of what follows a sync: bundles are
// signed, and agents take them.
const spareDelay = 200 * time.Millisecond

// spare is a fetch child that was started ahead and waits for its request: starting the
// program is most of the time of a small fetch. Like every other it serves one fetch.
type spare struct {
	mu      sync.Mutex
	child   *fetchChild // nil: there is none
	retired bool        // there is to be none any more
}

// take returns the spare, or nil. It may have ended meanwhile, which who asks it will see.
func (s *spare) take() *fetchChild {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.child
	s.child = nil
	return c
}

// prepare starts a spare a little later, unless there is one or ctx ends. Without one the
// next fetch starts its own, and says what is wrong if it cannot.
func (f *fetcher) prepare(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(spareDelay):
	}
	f.spare.mu.Lock()
	defer f.spare.mu.Unlock()
	if f.spare.child != nil || f.spare.retired {
		return
	}
	if c, err := f.spawn(ctx); err == nil {
		f.spare.child = c
	}
}

// retire ends the spare, for good.
func (f *fetcher) retire() {
	f.spare.mu.Lock()
	f.spare.retired = true
	f.spare.mu.Unlock()
	if c := f.spare.take(); c != nil {
		c.close()
	}
}
