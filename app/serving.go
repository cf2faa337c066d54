package app

import (
	"context"
	"time"

	"crontopus.dev/crontopus/internal/loop"
)

// servingEvery is how often a server that answers agents says so.
const servingEvery = 10 * time.Second

// serving says that agents are being answered, so that nobody takes an absence of ours for theirs.
func (a *App) serving(ctx context.Context) error {
	l := loop.Loop{Name: "saying that agents are answered", Interval: servingEvery, Backoff: loop.Backoff{Max: servingEvery}, Log: a.log,
		Step: func(ctx context.Context) error { return a.store.SystemServing(ctx, time.Now()) }}
	return l.Run(ctx)
}
