package api

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// agentCache remembers agents' keys and standing, so that an unchanged poll costs no
// query. What it holds stays true because every change is followed by forget.
type agentCache struct {
	store credentialStore

	mu      sync.Mutex
	changes uint64 // grows with each forget
	known   map[string]*identity
}

// identity is who an agent is. Thousands are remembered.
type identity struct {
	ID        string
	Tenant    crontopus.TenantID
	Name      string
	PublicKey ed25519.PublicKey
	RevokedAt *time.Time
}

func newAgentCache(store credentialStore) *agentCache {
	return &agentCache{store: store, known: map[string]*identity{}}
}

// get returns an agent, which must not be changed.
func (c *agentCache) get(ctx context.Context, id string) (*identity, error) {
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
	found = &identity{a.ID, a.Tenant, a.Name, a.PublicKey, a.RevokedAt}
	c.mu.Lock()
	defer c.mu.Unlock()
	// What was read before a change must not be remembered after it.
	if c.changes == seen {
		c.known[id] = found
	}
	return found, nil
}

// forget drops what is known of an agent, after it has changed in the store.
func (c *agentCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.known, id)
}
