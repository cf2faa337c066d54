package api

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// beatStore fails a number of times, then hands on what it gets.
type beatStore struct {
	failures int
	batches  chan []crontopus.Heartbeat
}

func (s *beatStore) SystemHeartbeats(_ context.Context, beats []crontopus.Heartbeat) error {
	if s.failures > 0 {
		s.failures--
		return errors.New("away")
	}
	s.batches <- beats
	return nil
}

func TestManyBeatsAreOneWriteAndAFailedOneIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &beatStore{failures: 1, batches: make(chan []crontopus.Heartbeat, 10)}
		h := newHeartbeats(store, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.run(ctx) }()
		a, now := &identity{ID: "a"}, time.Now()
		for i := range 100 {
			h.note(a, now.Add(time.Duration(i)), "")
		}
		require.Equal(t, []crontopus.Heartbeat{{AgentID: "a", At: now.Add(99)}}, <-store.batches)
		cancel()
		require.NoError(t, <-done)
		require.Empty(t, store.batches, "nothing new, nothing written")
	})
}

func TestOlderBeatDoesNotReplaceANewerOne(t *testing.T) {
	h := newHeartbeats(nil, nil)
	now := time.Now()
	said := now.Add(-time.Second)
	h.put(crontopus.Heartbeat{AgentID: "a", At: now})
	h.put(crontopus.Heartbeat{AgentID: "a", At: now.Add(-time.Minute), SpoolDrained: &said})
	require.Equal(t, crontopus.Heartbeat{AgentID: "a", At: now, SpoolDrained: &said}, h.heap["a"])
}
