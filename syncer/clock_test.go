package syncer_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// clock is the server's, which a test may set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func TestTheServersClockIsSetBack(t *testing.T) {
	today := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	wrong := today.AddDate(10, 0, 0)
	c := &clock{now: wrong}
	h := newHouse(t, func(h *house) { h.opts.Now = c.Now })
	h.addAgent("db", "db-01")
	p := startPress(t, h, h.opts)
	p.advance(wrong.Sub(today)) // from when its clock begins
	generation := func() int64 {
		h.until(t, func() bool { return len(h.marks) == 0 })
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.pubs["id-db-01"].Generation.Number
	}
	h.say(t, "one")
	h.sync(t, sourceID)
	p.publisher.Wake()
	require.EqualValues(t, 1, generation())
	require.True(t, h.status(sourceID).NextAttemptAt.After(wrong))

	// A server that died with the wrong clock leaves its lease behind.
	h.mu.Lock()
	h.leases[sourceID] = memLease{"dead", wrong.Add(time.Minute)}
	h.mu.Unlock()
	h.say(t, "two")
	c.set(today)
	p.advance(today.Sub(wrong))
	h.syncer.Wake() // nobody asks: what was planned for ten years from now is due
	h.until(t, func() bool {
		return h.sources[sourceID].Status.NextAttemptAt.Before(today.Add(2*time.Hour)) && h.leases[sourceID].owner == ""
	})
	requireState(t, "true Synced", h.status(sourceID))
	require.Equal(t, "two", h.word(t))
	require.Equal(t, crontopus.TriggerPoll, h.lastSync(t).Trigger)
	p.publisher.Wake()
	require.EqualValues(t, 2, generation(), "no generation comes twice")

	// Bundles are renewed by today's clock, too.
	h.mu.Lock()
	pub := h.pubs["id-db-01"]
	h.mu.Unlock()
	require.Equal(t, today.Add(14*24*time.Hour), pub.Expires)
	p.advance(8 * 24 * time.Hour)
	p.publisher.Wake()
	h.until(t, func() bool { return h.pubs["id-db-01"].Expires.After(pub.Expires) })
	require.EqualValues(t, 2, generation(), "fresh, with the same jobs")

	h.say(t, "three")
	c.set(today.Add(-time.Hour))
	p.advance(-9 * 24 * time.Hour)
	h.sync(t, sourceID)
	p.publisher.Wake()
	require.EqualValues(t, 3, generation(), "an hour back")
}
