package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

// How often heartbeats are written, and how long the last write may take.
const (
	heartbeatInterval = 5 * time.Second
	lastFlushTimeout  = 5 * time.Second
)

type heartbeatStore interface {
	SystemHeartbeats(ctx context.Context, beats []crontopus.Heartbeat) error
}

// heartbeats collects what rides along with agents' requests. Thousands of polls then
// cost one write every few seconds; what a crash loses, the next poll tells again.
type heartbeats struct {
	store heartbeatStore
	log   *slog.Logger

	mu   sync.Mutex
	heap map[string]crontopus.Heartbeat // by agent's id
}

func newHeartbeats(store heartbeatStore, log *slog.Logger) *heartbeats {
	return &heartbeats{store: store, log: log, heap: map[string]crontopus.Heartbeat{}}
}

// note remembers that an agent was heard, and up to when it says its spool is drained. A
// time that cannot be read, or lies in the future, counts as not said.
func (h *heartbeats) note(a *identity, now time.Time, spoolDrained string) {
	beat := crontopus.Heartbeat{Tenant: a.Tenant, AgentID: a.ID, At: now}
	if spoolDrained == "" {
		h.put(beat)
		return
	}
	if t, err := time.Parse(time.RFC3339Nano, spoolDrained); err == nil && !t.After(now.Add(clockLeeway)) {
		beat.SpoolDrained = &t
	}
	h.put(beat)
}

// put keeps the newest of each agent's beats and the newest word on its spool.
func (h *heartbeats) put(beat crontopus.Heartbeat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old, ok := h.heap[beat.AgentID]; ok {
		if old.At.After(beat.At) {
			old, beat = beat, old
		}
		if beat.SpoolDrained == nil || (old.SpoolDrained != nil && old.SpoolDrained.After(*beat.SpoolDrained)) {
			beat.SpoolDrained = old.SpoolDrained
		}
	}
	h.heap[beat.AgentID] = beat
}

// flush writes what was collected; what could not be written is kept.
func (h *heartbeats) flush(ctx context.Context) error {
	h.mu.Lock()
	taken := h.heap
	h.heap = make(map[string]crontopus.Heartbeat, len(taken))
	h.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	batch := make([]crontopus.Heartbeat, 0, len(taken))
	for _, beat := range taken {
		batch = append(batch, beat)
	}
	if err := h.store.SystemHeartbeats(ctx, batch); err != nil {
		for _, beat := range batch {
			h.put(beat)
		}
		return err
	}
	return nil
}

// run flushes every few seconds, and a last time when ctx ends.
func (h *heartbeats) run(ctx context.Context) error {
	l := loop.Loop{Name: "writing heartbeats", Interval: heartbeatInterval,
		Backoff: loop.Backoff{Max: time.Minute}, Log: h.log, Step: h.flush}
	err := l.Run(ctx)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlushTimeout)
	defer cancel()
	if flushErr := h.flush(last); flushErr != nil {
		h.log.WarnContext(ctx, "the last heartbeats were not written", "error", flushErr)
	}
	return err
}
