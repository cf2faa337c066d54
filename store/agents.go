package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// selectAgents reads agents with the generation that is published for each.
const selectAgents = `
	SELECT a.tenant_id, a.id, a.name, a.name_fixed, a.labels, a.facts, a.match_facts, a.public_key,
		a.enrolled_at, a.revoked_at, a.last_seen_at, a.spool_drained_at, a.report,
		COALESCE(p.epoch, 0), COALESCE(p.number, 0)
	FROM agents a LEFT JOIN publications p ON p.tenant_id = a.tenant_id AND p.agent_id = a.id `

func scanAgent(r row, a *crontopus.Agent) error {
	return r.Scan(&a.Tenant, &a.ID, &a.Name, flag(&a.NameFixed), document(&a.Labels), document(&a.Facts),
		flag(&a.MatchFacts), &a.PublicKey, instant(&a.EnrolledAt), maybe(&a.RevokedAt),
		maybe(&a.Status.LastSeenAt), maybe(&a.Status.SpoolDrained), document(&a.Status.Report),
		&a.Status.Desired.Epoch, &a.Status.Desired.Number)
}

func noAgent(nameOrID string) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is no agent %q", nameOrID)
}

// SystemAgent returns the agent with the id, a revoked one too: whoever checks a
// credential tells "revoked" from "unknown".
func (s *Store) SystemAgent(ctx context.Context, id string) (a crontopus.Agent, err error) {
	err = s.engine.read(ctx, scopeCredentials, func(t tx) error {
		return scanAgent(t.QueryRow(ctx, selectAgents+"WHERE a.id = $1", id), &a)
	})
	if errors.Is(err, errNoRow) {
		err = noAgent(id)
	}
	return a, err
}

// Agents lists agents by name, the revoked ones too.
func (s *Store) Agents(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.Agent, next string, err error) {
	from, err := parseCursor(p, beforeAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanAgent, selectAgents+`
			WHERE a.tenant_id = $1 AND (a.name, a.id) > ($2, $3)
			ORDER BY a.name, a.id LIMIT $4`, tenant, from.Text, from.More, limit(p))
		return err
	})
	list, next = cut(list, p, func(a *crontopus.Agent) cursor { return cursor{Text: a.Name, More: a.ID} })
	return list, next, err
}

// AgentByName returns an agent by name or id. A name means the agent that holds it now,
// else the last that held it.
func (s *Store) AgentByName(ctx context.Context, tenant crontopus.TenantID, nameOrID string) (a crontopus.Agent, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		a, err = agentByName(ctx, t, tenant, nameOrID, "")
		return err
	})
	return a, err
}

// agentByName reads an agent; lock is "" or what ForUpdate says.
func agentByName(ctx context.Context, t tx, tenant crontopus.TenantID, nameOrID, lock string) (a crontopus.Agent, err error) {
	err = scanAgent(t.QueryRow(ctx, selectAgents+`
		WHERE a.tenant_id = $1 AND (a.name = $2 OR a.id = $2)
		ORDER BY CASE WHEN a.id = $2 THEN 0 WHEN a.revoked_at IS NULL THEN 1 ELSE 2 END, a.revoked_at DESC LIMIT 1`+lock,
		tenant, nameOrID), &a)
	if errors.Is(err, errNoRow) {
		err = noAgent(nameOrID)
	}
	return a, err
}

// AgentsAt returns all agents, the revoked ones too, and the sequence of that moment:
// FinishSync marks those that changed after it.
func (s *Store) AgentsAt(ctx context.Context, tenant crontopus.TenantID) (list []crontopus.Agent, seq int64, err error) {
	return s.AgentsSince(ctx, tenant, 0)
}

// AgentsSince is AgentsAt for who knows the agents of an earlier sequence: those come that
// targets may match otherwise since then.
func (s *Store) AgentsSince(ctx context.Context, tenant crontopus.TenantID, since int64) (list []crontopus.Agent, seq int64, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		err := t.QueryRow(ctx, "SELECT agents_sequence FROM tenants WHERE id = $1", tenant).Scan(&seq)
		if errors.Is(err, errNoRow) {
			return noTenant(tenant)
		}
		if err != nil {
			return err
		}
		list, err = collect(ctx, t, scanAgent, selectAgents+"WHERE a.tenant_id = $1 AND a.sequence > $2 ORDER BY a.id", tenant, since)
		return err
	})
	return list, seq, err
}

// RevokeAgent ends an agent's identity at once and frees its name. Its bundle is marked,
// so that its entries no longer count. Revoking twice changes nothing.
func (s *Store) RevokeAgent(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) (a crontopus.Agent, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if a, err = agentByName(ctx, t, tenant, name, t.ForUpdate("a")); err != nil || a.RevokedAt != nil {
			return err
		}
		at := now.UTC().Truncate(time.Microsecond)
		a.RevokedAt = &at
		_, err := t.Exec(ctx, "UPDATE agents SET revoked_at = $1 WHERE tenant_id = $2 AND id = $3", micros(now), tenant, a.ID)
		if err != nil {
			return err
		}
		if err := agentChanged(ctx, t, tenant, a.ID); err != nil {
			return err
		}
		if err := t.Tell(ctx, Change{Kind: ChangedAgents, Tenant: tenant, Agents: []string{a.ID}}); err != nil {
			return err
		}
		if err := wakeHost(ctx, t, tenant, a.ID, now); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "agent.revoke", a.Name, a.ID)
	})
	return a, err
}

// RotateAgentKey puts an agent's next public key in the place of its last. Asking again
// changes nothing. conflict means that the agent has yet another key, gone that it was revoked.
func (s *Store) RotateAgentKey(ctx context.Context, tenant crontopus.TenantID, actor, id string, last, next []byte) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		a, err := agentByName(ctx, t, tenant, id, t.ForUpdate("a"))
		switch {
		case err != nil:
			return err
		case a.ID != id:
			return noAgent(id)
		case a.RevokedAt != nil:
			return crontopus.Errorf(crontopus.CodeGone, "the agent %q was revoked", a.Name).WithHint("enroll the host again with a new token")
		case bytes.Equal(a.PublicKey, next):
			return nil
		case !bytes.Equal(a.PublicKey, last):
			return crontopus.Errorf(crontopus.CodeConflict, "the key of the agent %q changed meanwhile", a.Name).WithHint("try again")
		}
		if _, err := t.Exec(ctx, "UPDATE agents SET public_key = $1 WHERE tenant_id = $2 AND id = $3", next, tenant, id); err != nil {
			return err
		}
		if err := t.Tell(ctx, Change{Kind: ChangedAgents, Tenant: tenant, Agents: []string{id}}); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "agent.rotate-key", a.Name, a.ID)
	})
}

// agentChanged notes that what targets match of an agent is no longer what it was, and
// marks its bundle.
func agentChanged(ctx context.Context, t tx, tenant crontopus.TenantID, id string) error {
	var seq int64
	err := t.QueryRow(ctx, `
		UPDATE tenants SET agents_sequence = agents_sequence + 1 WHERE id = $1 RETURNING agents_sequence`, tenant).Scan(&seq)
	if err != nil {
		return err
	}
	if _, err := t.Exec(ctx, "UPDATE agents SET sequence = $1 WHERE tenant_id = $2 AND id = $3", seq, tenant, id); err != nil {
		return err
	}
	return mark(ctx, t, tenant, id)
}

// SystemHeartbeats notes when agents were last heard of. Times only grow, so the order
// of batches does not matter; an agent that is not there is skipped.
func (s *Store) SystemHeartbeats(ctx context.Context, beats []crontopus.Heartbeat) error {
	var v many
	beats = newest(beats)
	withEach(&v, "tenant", "text", beats, func(b *crontopus.Heartbeat) string { return string(b.Tenant) })
	withEach(&v, "agent", "text", beats, func(b *crontopus.Heartbeat) string { return b.AgentID })
	withEach(&v, "seen", "bigint", beats, func(b *crontopus.Heartbeat) int64 { return micros(b.At) })
	withEach(&v, "drained", "bigint", beats, func(b *crontopus.Heartbeat) *int64 { return optional(b.SpoolDrained) })
	return s.engine.write(ctx, scopeIngest, func(t tx) error {
		_, err := execMany(ctx, t, v, `
			UPDATE agents SET
				last_seen_at = CASE WHEN last_seen_at > v.seen THEN last_seen_at ELSE v.seen END,
				spool_drained_at = CASE WHEN v.drained IS NULL OR spool_drained_at > v.drained THEN spool_drained_at ELSE v.drained END
			FROM v WHERE agents.tenant_id = v.tenant AND agents.id = v.agent`)
		if err != nil {
			return err
		}
		return wakeAgents(ctx, t, beats, s.now())
	})
}

// newest leaves one heartbeat an agent, in the order of ids: servers that write at once then
// wait for one another in one direction.
func newest(beats []crontopus.Heartbeat) []crontopus.Heartbeat {
	type key struct {
		tenant crontopus.TenantID
		id     string
	}
	byAgent := make(map[key]crontopus.Heartbeat, len(beats))
	for _, b := range beats {
		k := key{b.Tenant, b.AgentID}
		was, ok := byAgent[k]
		if ok && was.At.After(b.At) {
			b.At = was.At
		}
		if ok && was.SpoolDrained != nil && (b.SpoolDrained == nil || was.SpoolDrained.After(*b.SpoolDrained)) {
			b.SpoolDrained = was.SpoolDrained
		}
		byAgent[k] = b
	}
	return slices.SortedFunc(maps.Values(byAgent), func(a, b crontopus.Heartbeat) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.AgentID, b.AgentID))
	})
}

// SaveReport keeps an agent's newest report. Facts that changed count for targets only
// where the agent's token lets them.
func (s *Store) SaveReport(ctx context.Context, tenant crontopus.TenantID, agentID string, r crontopus.AgentReport) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		var a crontopus.Agent
		err := scanAgent(t.QueryRow(ctx, selectAgents+"WHERE a.tenant_id = $1 AND a.id = $2"+t.ForUpdate("a"), tenant, agentID), &a)
		if errors.Is(err, errNoRow) {
			return noAgent(agentID)
		}
		if err != nil {
			return err
		}
		r.Instance = a.Status.Report.Instance.Follow(r.Instance.Name, r.ReceivedAt)
		facts := a.Facts
		if r.Facts != nil {
			facts = r.Facts
		}
		_, err = t.Exec(ctx, "UPDATE agents SET report = $1, facts = $2 WHERE tenant_id = $3 AND id = $4",
			text(r), text(facts), tenant, agentID)
		if err != nil {
			return err
		}
		if err := watchAgent(ctx, t, tenant, agentID, s.now()); err != nil || !a.MatchFacts || maps.Equal(a.Facts, facts) {
			return err
		}
		return agentChanged(ctx, t, tenant, agentID)
	})
}
