package syncer

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"crontopus.dev/crontopus"
)

// fleet is the tenants' agents as targets match them. What an agent says of itself all the
// time is of no interest here, so only those that changed for targets are read again.
type fleet struct {
	store interface {
		AgentsSince(ctx context.Context, tenant crontopus.TenantID, since int64) (agents []crontopus.Agent, sequence int64, err error)
	}

	mu    sync.Mutex
	known map[crontopus.TenantID]roll
}

// roll is one tenant's agents at a sequence, sorted by id.
type roll struct {
	sequence int64
	agents   []crontopus.Agent
}

func newFleet(store Store) *fleet {
	return &fleet{store: store, known: map[crontopus.TenantID]roll{}}
}

// read returns a tenant's agents, the revoked ones too, and the sequence of that moment. They
// are shared by all who ask, and never changed.
func (f *fleet) read(ctx context.Context, tenant crontopus.TenantID) ([]crontopus.Agent, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.known[tenant]
	changed, sequence, err := f.store.AgentsSince(ctx, tenant, was.sequence)
	if err == nil && sequence < was.sequence { // a database that was restored
		was = roll{}
		changed, sequence, err = f.store.AgentsSince(ctx, tenant, 0)
	}
	if err != nil {
		return nil, 0, err
	}
	if len(changed) > 0 {
		byID := make(map[string]crontopus.Agent, len(was.agents)+len(changed))
		for _, agent := range slices.Concat(was.agents, changed) {
			byID[agent.ID] = agent
		}
		was.agents = slices.SortedFunc(maps.Values(byID), func(a, b crontopus.Agent) int { return strings.Compare(a.ID, b.ID) })
	}
	f.known[tenant] = roll{sequence, was.agents}
	return was.agents, sequence, nil
}
