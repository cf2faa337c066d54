package alert

import (
	"context"
	"log/slog"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const routeBatch = 100 // incidents in one transaction

// RouterStore is what a Router needs of the store.
type RouterStore interface {
	// SystemRoute has it decided who is told of incidents whose time has come, at most limit, and
	// keeps the decisions with what is to be delivered.
	SystemRoute(ctx context.Context, now time.Time, limit int, decide func([]crontopus.Case) []crontopus.Decision) (int, error)
}

// Router sees to it that people are told of incidents, by the policies of their repositories.
type Router struct {
	Store RouterStore
	Now   func() time.Time
	Log   *slog.Logger
}

// Run routes until ctx ends, and then returns nil.
func (r *Router) Run(ctx context.Context) error {
	l := loop.Loop{Name: "routing of incidents", Interval: lookEvery, Backoff: loop.Backoff{Max: 5 * time.Second}, Log: r.Log, Step: r.step}
	return l.Run(ctx)
}

func (r *Router) step(ctx context.Context) error {
	for {
		n, err := r.Store.SystemRoute(ctx, r.Now(), routeBatch, func(cases []crontopus.Case) []crontopus.Decision {
			decisions := make([]crontopus.Decision, len(cases))
			for i := range cases {
				decisions[i] = Decide(&cases[i])
			}
			return decisions
		})
		if err != nil || n < routeBatch {
			return err
		}
	}
}
