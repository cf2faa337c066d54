// Package loop repeats a step: at an interval, sooner when woken, later when it fails.
// It knows nothing of jobs. Every package may import it.
package loop

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Loop repeats Step until its context ends. The zero value of every other field is a
// sensible default.
type Loop struct {
	Name     string        // for the log
	Interval time.Duration // between two steps that went well, ±10 % jitter; 0: only when woken
	Backoff  Backoff       // after failures
	Gap      time.Duration // at least, from one step's end to the next's beginning, also when woken
	Wake     Signal        // runs the next step at once; nil: never
	Log      *slog.Logger
	Step     func(ctx context.Context) error
}

// Run takes a first step at once and returns nil when ctx ends. An error of a step is
// logged here, and only here, and so is the first step that goes well after it. One that has a method RetryAfter() time.Duration keeps the
// next step off for so long at least, even when woken.
func (l *Loop) Run(ctx context.Context) error {
	failures := 0
	for {
		err := l.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			l.Log.WarnContext(ctx, l.Name+" failed", "error", err, "failures", failures)
		default:
			if failures > 0 {
				l.Log.InfoContext(ctx, l.Name+" works again", "failures", failures)
			}
			failures = 0
		}
		if !rest(ctx, max(asked(err), l.Gap)) || !l.wait(ctx, failures) {
			return nil
		}
	}
}

// asked is how long an error asks us to stay away: a busy server says so. Everybody else
// was told the same, so it is between that and twice as long.
func asked(err error) time.Duration {
	busy, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err)
	if !ok || busy.RetryAfter() <= 0 {
		return 0
	}
	return busy.RetryAfter() + rand.N(busy.RetryAfter())
}

// rest waits, woken or not, and reports whether ctx goes on.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// wait reports whether another step is to be taken.
func (l *Loop) wait(ctx context.Context, failures int) bool {
	var after <-chan time.Time
	switch {
	case failures > 0:
		after = time.After(l.Backoff.Delay(failures))
	case l.Interval > 0:
		after = time.After(Jitter(l.Interval))
	}
	select {
	case <-ctx.Done():
		return false
	case <-l.Wake:
		return true
	case <-after:
		return true
	}
}

// Signal wakes a loop. It holds at most one waiting signal, so Send never blocks.
type Signal chan struct{}

// NewSignal returns a signal that nobody has sent.
func NewSignal() Signal { return make(Signal, 1) }

// Send wakes whoever receives, now or next.
func (s Signal) Send() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Backoff grows the delay between attempts by doubling, from Min to Max, and spreads it, so
// that a thousand who failed together do not come back together. Its zero value goes from
// one second to five minutes.
type Backoff struct{ Min, Max time.Duration }

// Delay returns how long to wait after the given number of failures in a row, from 1:
// between half of the delay and all of it.
func (b Backoff) Delay(failures int) time.Duration {
	least, most := b.Min, b.Max
	if least <= 0 {
		least = time.Second
	}
	if most <= 0 {
		most = 5 * time.Minute
	}
	d := least << min(max(failures-1, 0), 20)
	if d > most || d <= 0 {
		d = most
	}
	return d/2 + rand.N(d/2+1)
}

// Jitter returns d changed by up to 10 % either way.
func Jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
