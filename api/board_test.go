package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func always(tag string) func() (string, error) { return func() (string, error) { return tag, nil } }

func TestWaitEndsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tag, err := newBoard().await(t.Context(), "a", `"1"`, 50*time.Second, nil, always(`"1"`))
		require.NoError(t, err)
		require.Equal(t, `"1"`, tag)
		require.Equal(t, 50*time.Second, time.Since(start))
	})
}

func TestBundlePublishedWhileTheStoreIsAskedIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, asked := newBoard(), 0
		start := time.Now()
		tag, err := b.await(t.Context(), "a", `"1"`, time.Minute, nil, func() (string, error) {
			asked++
			if asked == 1 {
				b.publish("a") // after the store was read, before the poll waits
				return `"1"`, nil
			}
			return `"2"`, nil
		})
		require.NoError(t, err)
		require.Equal(t, `"2"`, tag)
		require.Zero(t, time.Since(start))
	})
}

func TestManyWaitersWakeTogetherAndOnlyForTheirAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		goes := b.goes()
		woken := make(chan string, 100)
		newest := map[string]string{"a": "1", "b": "1"}
		for range 50 {
			for _, id := range []string{"a", "b"} {
				go func() {
					tag, _ := b.await(t.Context(), id, "1", time.Hour, goes, func() (string, error) { return newest[id], nil })
					woken <- id + tag
				}()
			}
		}
		synctest.Wait()
		newest["a"] = "2"
		b.publish("a")
		synctest.Wait()
		require.Len(t, woken, 50)
		for range 50 {
			require.Equal(t, "a2", <-woken)
		}
		b.close()
		synctest.Wait()
		require.Len(t, woken, 50)
		require.Zero(t, b.waiting)
	})
}

func TestWaitEndsWithItsCallerAndWithAFailingStore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newBoard().await(ctx, "a", "1", time.Hour, nil, always("1"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = newBoard().await(t.Context(), "a", "1", time.Hour, nil, func() (string, error) { return "", errors.New("away") })
	require.ErrorContains(t, err, "away")
}
