package api

import (
	"context"
	"runtime/debug"
	"time"

	"crontopus.dev/crontopus/internal/loop"
)

const (
	tidyEvery = 5 * time.Second
	tidyAfter = 1000 // agents that have come to wait since the last time
)

// tidy gives back what a burst of agents has left: proving who thousands of them are makes
// garbage, and a server at which all of them wait makes too little more for it to be collected.
type tidy struct {
	board *board
	had   int  // agents that waited when it last tidied
	again bool // they were still coming, perhaps
	give  func()
}

func newTidy(b *board) *tidy { return &tidy{board: b, give: debug.FreeOSMemory} }

func (t *tidy) run(ctx context.Context) error {
	l := loop.Loop{Name: "giving memory back", Interval: tidyEvery, Step: func(context.Context) error { t.step(); return nil }}
	return l.Run(ctx)
}

func (t *tidy) step() {
	n := t.board.waiters()
	burst := n >= t.had+tidyAfter
	if burst || n < t.had-tidyAfter { // they may come back together
		t.had = n
	}
	if burst || t.again {
		t.give()
	}
	t.again = burst
}
