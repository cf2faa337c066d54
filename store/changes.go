package store

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
)

// Change tells what another server has changed in the database. It is a hint: whoever hears
// it looks for himself, so one too many costs a query, and a forged one no more.
type Change struct {
	Kind   string             `json:"kind"`
	Tenant crontopus.TenantID `json:"tenant,omitempty"`
	Agents []string           `json:"agents,omitempty"` // ids, where the kind is about agents; none: there are too many to name
	Runs   []string           `json:"runs,omitempty"`   // ids, where the kind is about runs; none: nobody knows which
}

// The kinds of changes.
const (
	ChangedAgents  = "agents"  // bundles, keys or standing of agents
	ChangedMarks   = "marks"   // agents' bundles are to be compiled
	ChangedSources = "sources" // somebody asks for a sync
	ChangedKeys    = "keys"    // the installation's key set
	ChangedRuns    = "runs"    // runs of a tenant that somebody follows

	followed = "followed" // somebody follows the runs of a tenant from now on
)

const (
	namedAgents = 100  // in one notification, or runs
	notifyLimit = 7999 // bytes that PostgreSQL takes in one
)

// told is a Change on its way: From is the store that made it, which needs no telling.
type told struct {
	Change
	From string `json:"from"`
}

// spell returns the texts that tell a change to the others.
func spell(from string, c Change) (texts []string) {
	for ids := range slices.Chunk(c.Agents, namedAgents) {
		part := c
		part.Agents = ids
		texts = append(texts, text(told{part, from}))
	}
	for ids := range slices.Chunk(c.Runs, namedAgents) {
		part := c
		part.Runs = ids
		texts = append(texts, text(told{part, from}))
	}
	if len(texts) == 0 {
		texts = []string{text(told{c, from})}
	}
	if slices.ContainsFunc(texts, func(t string) bool { return len(t) > notifyLimit }) {
		c.Agents = nil
		texts = []string{text(told{c, from})}
	}
	return texts
}

// heard reads what came from the database. Anybody who may connect to it can say anything,
// and a newer server knows kinds that this one does not: that is not ok.
func heard(payload, self string) (c Change, ok bool) {
	var t told
	if len(payload) > notifyLimit || json.Unmarshal([]byte(payload), &t) != nil || t.From == self {
		return c, false
	}
	switch t.Kind {
	case ChangedAgents, ChangedMarks, ChangedSources, ChangedKeys, ChangedRuns, followed:
		return t.Change, true
	}
	return c, false
}

// SystemListen tells hear what other servers change, until ctx ends, and then returns nil. While
// the database cannot tell, it is asked every second or two, and once when it can again: what
// happened in between is not missed. The one server of a SQLite file has nothing to hear.
func (s *Store) SystemListen(ctx context.Context, log *slog.Logger, hear func(Change)) error {
	var was map[string]agentState
	return s.engine.listen(ctx, log, s.noteFollowers(hear), func(ctx context.Context) (err error) {
		was, err = s.compare(ctx, was, hear)
		return err
	})
}

// agentState is all of an agent that a server remembers of it.
type agentState struct {
	generation crontopus.Generation
	issued     int64
	revoked    int64
	key        string
}

// compare tells which agents are not as they were, and returns how they are. What was not
// there counts as changed. It is for the time in which changes were not told.
func (s *Store) compare(ctx context.Context, was map[string]agentState, hear func(Change)) (map[string]agentState, error) {
	is := make(map[string]agentState, len(was))
	changed := map[crontopus.TenantID][]string{}
	err := s.engine.read(ctx, scopePublish, func(t tx) error {
		found, err := t.Query(ctx, `
			SELECT a.tenant_id, a.id, COALESCE(p.epoch, 0), COALESCE(p.number, 0), COALESCE(p.issued_at, 0),
				COALESCE(a.revoked_at, 0), a.public_key
			FROM agents a LEFT JOIN publications p ON p.tenant_id = a.tenant_id AND p.agent_id = a.id`)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var tenant crontopus.TenantID
			var id string
			var key []byte
			var now agentState
			if err := found.Scan(&tenant, &id, &now.generation.Epoch, &now.generation.Number, &now.issued, &now.revoked, &key); err != nil {
				return err
			}
			now.key = string(key)
			if before, known := was[id]; !known || before != now {
				changed[tenant] = append(changed[tenant], strings.Clone(id))
			}
			is[id] = now
		}
		return found.Err()
	})
	if err != nil {
		return was, err
	}
	for tenant, ids := range changed {
		hear(Change{Kind: ChangedAgents, Tenant: tenant, Agents: ids})
	}
	hear(Change{Kind: ChangedRuns})
	hear(Change{Kind: ChangedKeys})
	hear(Change{Kind: ChangedMarks})
	hear(Change{Kind: ChangedSources})
	return is, nil
}
