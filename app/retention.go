package app

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

// pruneEvery is how often runs that are no longer kept are deleted.
const pruneEvery = time.Hour

// keepRuns is how long runs are kept, 0 for ever.
func (o *Options) keepRuns() (time.Duration, error) {
	var d crontopus.Duration
	if o.KeepRuns != "0" {
		if err := d.UnmarshalText([]byte(o.KeepRuns)); err != nil || d < 0 {
			return 0, crontopus.Errorf(crontopus.CodeInvalid, "--keep-runs %q is not a duration", o.KeepRuns).
				WithHint("write it like 90d or 12h, or 0 to keep runs for ever")
		}
	}
	if o.KeepRunsPerJob < 0 {
		return 0, crontopus.Errorf(crontopus.CodeInvalid, "--keep-runs-per-job is %d, and cannot be less than 0", o.KeepRunsPerJob)
	}
	return d.Std(), nil
}

// prune deletes runs that are no longer kept, until ctx ends. It needs no lease: of servers that
// do it at once, one finds nothing left.
func (a *App) prune(ctx context.Context) error {
	keep, err := a.options.keepRuns()
	if err != nil {
		return err
	}
	l := loop.Loop{Name: "deleting old runs", Interval: pruneEvery, Log: a.log, Step: func(ctx context.Context) error {
		var before time.Time
		if keep > 0 {
			before = time.Now().Add(-keep)
		}
		n, err := a.store.SystemPruneRuns(ctx, before, a.options.KeepRunsPerJob)
		if n > 0 {
			a.log.InfoContext(ctx, "deleted old runs", "runs", n)
		}
		return err
	}}
	return l.Run(ctx)
}
