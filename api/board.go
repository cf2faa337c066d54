package api

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// board is what waiting agents wait on: for each, the tag of its newest bundle and a
// channel that closes when another one is published.
type board struct {
	mu      sync.Mutex
	slots   map[string]*slot
	waiting int           // how many wait now
	going   chan struct{} // closed, and mostly replaced, when those who wait are let go
	closed  bool          // going stays closed: nobody should wait any longer
}

// slot is one agent's place on the board.
type slot struct {
	tag     string
	known   bool          // tag is that of the store, "" where the agent has no bundle yet
	changed chan struct{} // closed by the next publish; guarded by the board's mutex
}

func newBoard() *board {
	return &board{slots: map[string]*slot{}, going: make(chan struct{})}
}

// await returns the tag of an agent's newest bundle: at once if it is another than have,
// else when one is published, the wait or ctx is over, or goes closes. load reads the tag from the
// store; it is called only when the board does not know it.
func (b *board) await(ctx context.Context, id, have string, wait time.Duration, goes <-chan struct{}, load func() (string, error)) (string, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		tag, changed, err := b.tag(id, load)
		if err != nil || tag != have || wait <= 0 {
			return tag, err
		}
		b.count(+1)
		again, err := b.wait(ctx, changed, goes, timer.C)
		b.count(-1)
		if !again {
			return tag, err
		}
	}
}

// wait reports whether there is something new to look at.
func (b *board) wait(ctx context.Context, changed, goes <-chan struct{}, over <-chan time.Time) (bool, error) {
	select {
	case <-changed:
		return true, nil
	case <-over:
		return false, nil
	case <-goes:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (b *board) count(by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting += by
}

// waiters returns how many wait now.
func (b *board) waiters() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

// tag returns an agent's tag and the channel that closes when it is no longer the newest.
// The channel is taken before the store is asked: a bundle that is published meanwhile
// closes it, so no wake-up is lost between looking and waiting.
func (b *board) tag(id string, load func() (string, error)) (string, <-chan struct{}, error) {
	b.mu.Lock()
	s := b.slots[id]
	if s == nil {
		s = &slot{changed: make(chan struct{})}
		b.slots[id] = s
	}
	tag, known, changed := s.tag, s.known, s.changed
	b.mu.Unlock()
	if known {
		return tag, changed, nil
	}
	tag, err := load()
	if err != nil {
		return "", nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.changed == changed {
		s.tag, s.known = tag, true
	}
	return tag, changed, nil
}

// everybody returns the agents that have asked.
func (b *board) everybody() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.slots))
}

// publish wakes whoever waits for an agent's bundle and forgets its tag.
func (b *board) publish(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slots[id]
	if s == nil {
		return // nobody has asked yet, so nothing is remembered that could be wrong
	}
	close(s.changed)
	s.tag, s.known, s.changed = "", false, make(chan struct{})
}

// letGo ends the waiting of everybody who waits now.
func (b *board) letGo() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		close(b.going)
		b.going = make(chan struct{})
	}
}

// goes returns the channel that closes with the next letGo, or when the board closes.
func (b *board) goes() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.going
}

// close lets everybody go who waits, now and later.
func (b *board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.going)
	}
}
