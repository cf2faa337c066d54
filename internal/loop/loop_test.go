package loop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
		steps, wake, goOn := 0, loop.NewSignal(), make(chan struct{})
		done := make(chan error)
		l := loop.Loop{Name: "sync", Wake: wake, Log: quiet, Step: func(context.Context) error { steps++; <-goOn; return nil }}
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		require.Equal(t, 1, steps, "the first one needs no wake")
		for range 1000 { // while the first is under way
			wake.Send()
		}
		goOn <- struct{}{}
		synctest.Wait()
		require.Equal(t, 2, steps)
		goOn <- struct{}{}
		synctest.Wait()
		require.Equal(t, 2, steps, "a thousand wakes were one")
		cancel()
		require.NoError(t, <-done)
	})
}

func TestWakesOfOneMomentAreTakenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin, at, wake := time.Now(), []time.Duration{}, loop.NewSignal()
		done := make(chan error)
		l := loop.Loop{Name: "deliver", Wake: wake, Gap: time.Second, Log: quiet, Step: func(context.Context) error {
			at = append(at, time.Since(begin))
			return nil
		}}
		go func() { done <- l.Run(ctx) }()
		for range 22 { // for nearly two and a half seconds, never at a full one
			time.Sleep(110 * time.Millisecond) // of the bubble's clock
			wake.Send()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}, at)
		wake.Send()
		synctest.Wait()
		require.Equal(t, time.Hour+2420*time.Millisecond, at[4], "after a quiet time, at once")
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
		require.InDelta(t, (1+2+4+8)*0.75, at[4].Seconds(), (1+2+4+8)*0.25)
	})
}

func TestTheLogSaysThatAStepFailsAndOnceThatItWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var log bytes.Buffer
		steps := 0
		l := loop.Loop{Name: "polling", Interval: time.Minute, Log: slog.New(slog.NewTextHandler(&log, nil)), Step: func(context.Context) error {
			if steps++; steps == 2 || steps == 3 {
				return errors.New("no")
			}
			return nil
		}}
		require.NoError(t, l.Run(ctx))
		var lines []string
		for line := range strings.Lines(log.String()) {
			_, said, _ := strings.Cut(strings.TrimSpace(line), " ")
			lines = append(lines, said)
		}
		require.Greater(t, steps, 10)
		require.Equal(t, []string{
			`level=WARN msg="polling failed" error=no failures=1`,
			`level=WARN msg="polling failed" error=no failures=2`,
			`level=INFO msg="polling works again" failures=2`,
		}, lines)
	})
}

func TestBackoffIsBounded(t *testing.T) {
	b := loop.Backoff{Min: time.Second, Max: time.Minute}
	for failures := range 100 {
		require.LessOrEqual(t, b.Delay(failures), time.Minute)
		require.GreaterOrEqual(t, b.Delay(failures), 500*time.Millisecond)
	}
}

func TestThoseWhoFailedTogetherComeBackSpread(t *testing.T) {
	b, half := loop.Backoff{Max: 20 * time.Second}, 0
	for range 1000 {
		if b.Delay(10) < 15*time.Second {
			half++
		}
	}
	require.InDelta(t, 500, half, 100)
}

// busy is what a server says that has too much to do.
type busy struct{ error }

func (busy) RetryAfter() time.Duration { return 30 * time.Second }

func TestABusyServerIsLeftAloneEvenWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		wake, begin := loop.NewSignal(), time.Now()
		var at []time.Duration
		l := loop.Loop{Name: "deliver", Interval: time.Hour, Wake: wake, Log: quiet, Step: func(context.Context) error {
			at = append(at, time.Since(begin))
			if len(at) == 1 {
				wake.Send()
				return fmt.Errorf("later: %w", busy{errors.New("busy")})
			}
			return nil
		}}
		require.NoError(t, l.Run(ctx))
		require.GreaterOrEqual(t, at[1], 30*time.Second)
		require.LessOrEqual(t, at[1], time.Minute)
	})
}
