package loop_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/loop"
)

var quiet = slog.New(slog.DiscardHandler)

func TestStepsAtTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		steps := 0
		l := loop.Loop{Name: "poll", Interval: time.Minute, Log: quiet, Step: func(context.Context) error { steps++; return nil }}
		require.NoError(t, l.Run(ctx))
		require.InDelta(t, 10, steps, 2)
	})
}

func TestWakeStepsAtOnceAndManyWakesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		steps, wake := 0, loop.NewSignal()
		done := make(chan error)
		l := loop.Loop{Name: "sync", Wake: wake, Log: quiet, Step: func(context.Context) error { steps++; return nil }}
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		require.Equal(t, 1, steps)
		for range 1000 {
			wake.Send()
		}
		synctest.Wait()
		require.LessOrEqual(t, steps, 3)
		require.Greater(t, steps, 1)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestFailuresBackOffAndSuccessResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		begin, at := time.Now(), []time.Duration{}
		l := loop.Loop{Name: "poll", Interval: time.Hour, Log: quiet, Step: func(context.Context) error {
			at = append(at, time.Since(begin))
			if len(at) < 5 {
				return errors.New("no")
			}
			return nil
		}}
		require.NoError(t, l.Run(ctx))
		require.Len(t, at, 5, "after the success it waits for the interval")
		require.InDelta(t, (1 + 2 + 4 + 8), at[4].Seconds(), 2)
	})
}

func TestBackoffIsBounded(t *testing.T) {
	b := loop.Backoff{Min: time.Second, Max: time.Minute}
	for failures := range 100 {
		require.LessOrEqual(t, b.Delay(failures), 66*time.Second)
		require.GreaterOrEqual(t, b.Delay(failures), 900*time.Millisecond)
	}
}
