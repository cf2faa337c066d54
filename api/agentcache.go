package api

import (
	"context"
	"sync"

	"crontopus.dev/crontopus"
)

// agentCache remembers agents' keys and standing, so that an unchanged poll costs no
// query. What it holds stays true because every change is followed by forget.
type agentCache struct {
	store credentialStore

	mu      sync.Mutex
	changes uint64 // grows with each forget
	known   map[string]*crontopus.Agent
}

func newAgentCache(store credentialStore) *agentCache {
	return &agentCache{store: store, known: map[string]*crontopus.Agent{}}
}

// get returns an agent, which must not be changed.
func (c *agentCache) get(ctx context.Context, id string) (*crontopus.Agent, error) {
	c.mu.Lock()
	found, seen := c.known[id], c.changes
	c.mu.Unlock()
	if found != nil {
		return found, nil
	}
	a, err := c.store.SystemAgent(ctx, id)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a.Labels, a.Facts, a.Status = nil, nil, crontopus.AgentStatus{} // thousands are remembered, for who they are
	// What was read before a change must not be remembered after it.
	if c.changes == seen {
		c.known[id] = &a
	}
	return &a, nil
}

// forget drops what is known of an agent, after it has changed in the store.
func (c *agentCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.known, id)
}
