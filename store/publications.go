package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

// mark asks for agents' bundles to be compiled again. An id that is no agent's is skipped.
func mark(ctx context.Context, t tx, tenant crontopus.TenantID, agents ...string) error {
	agents = slices.Compact(slices.Sorted(slices.Values(agents))) // in one order, whoever marks
	var v many
	withEach(&v, "tenant", "text", agents, func(*string) string { return string(tenant) })
	with(&v, "agent", "text", agents)
	withEach(&v, "span", "text", agents, func(*string) string { return trace.Of(ctx) })
	_, err := execMany(ctx, t, v, markWhere("v CROSS JOIN agents", "tenant_id = v.tenant AND id = v.agent", "v.span"))
	if err != nil || len(agents) == 0 {
		return err
	}
	return t.Tell(ctx, Change{Kind: ChangedMarks})
}

// markSince marks the agents that changed after a sequence: a sync that was planned
// without them may concern them.
func markSince(ctx context.Context, t tx, tenant crontopus.TenantID, seq int64) error {
	n, err := t.Exec(ctx, markWhere("agents", "tenant_id = $1 AND sequence > $2", "CAST($3 AS TEXT)"), tenant, seq, trace.Of(ctx))
	if err != nil || n == 0 {
		return err
	}
	return t.Tell(ctx, Change{Kind: ChangedMarks})
}

// markWhere marks each agent that the condition finds. The version grows with every
// mark, so that clearing an older one leaves this one standing. One that stands keeps its span
// unless another one comes.
func markWhere(from, condition, span string) string {
	return `INSERT INTO publish_marks (tenant_id, agent_id, version, pending, trace)
		SELECT tenant_id, id, 1, 1, ` + span + ` FROM ` + from + ` WHERE ` + condition + `
		ON CONFLICT (tenant_id, agent_id) DO UPDATE SET version = publish_marks.version + 1, pending = 1,
			trace = CASE WHEN excluded.trace = '' AND publish_marks.pending = 1 THEN publish_marks.trace ELSE excluded.trace END`
}

// SystemMarked returns the agents whose bundles are to be compiled, in the order of their ids,
// those after the one with the id last.
func (s *Store) SystemMarked(ctx context.Context, last string, limit int) (marks []crontopus.Mark, err error) {
	err = s.engine.read(ctx, scopePublish, func(t tx) error {
		marks, err = collect(ctx, t, func(r row, m *crontopus.Mark) error {
			return r.Scan(&m.Tenant, &m.AgentID, &m.Version, &m.Trace)
		}, "SELECT tenant_id, agent_id, version, trace FROM publish_marks WHERE pending = 1 AND agent_id > $1 ORDER BY agent_id LIMIT $2", last, limit)
		return err
	})
	return marks, err
}

// SystemMarkExpiring marks the agents whose bundle expires before the given time, so that
// it is signed afresh, and returns how many.
func (s *Store) SystemMarkExpiring(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := s.engine.write(ctx, scopePublish, func(t tx) (err error) {
		n, err = t.Exec(ctx, `
			UPDATE publish_marks SET version = version + 1, pending = 1, trace = ''
			WHERE pending = 0
				AND agent_id IN (SELECT agent_id FROM publications WHERE expires_at < $1)
				AND agent_id NOT IN (SELECT id FROM agents WHERE revoked_at IS NOT NULL)`, micros(before))
		return err
	})
	return int(n), err
}

// Publication returns what is published for an agent: not_found if nothing is yet.
func (s *Store) Publication(ctx context.Context, tenant crontopus.TenantID, agentID string) (p crontopus.Publication, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		p, err = publication(ctx, t, tenant, agentID)
		return err
	})
	if errors.Is(err, errNoRow) {
		err = crontopus.Errorf(crontopus.CodeNotFound, "no bundle is published for the agent %q yet", agentID)
	}
	return p, err
}

func publication(ctx context.Context, t tx, tenant crontopus.TenantID, agentID string) (p crontopus.Publication, err error) {
	err = t.QueryRow(ctx, `
		SELECT tenant_id, agent_id, epoch, number, jobs_digest, issued_at, expires_at, trace, envelope
		FROM publications WHERE tenant_id = $1 AND agent_id = $2`, tenant, agentID).
		Scan(&p.Tenant, &p.AgentID, &p.Generation.Epoch, &p.Generation.Number, &p.JobsDigest,
			instant(&p.Issued), instant(&p.Expires), &p.Trace, &p.Envelope)
	if err != nil {
		return p, err
	}
	p.Jobs, err = collect(ctx, t, func(r row, n *crontopus.JobName) error { return r.Scan(&n.Namespace, &n.Name) }, `
		SELECT namespace, name FROM agent_jobs
		WHERE tenant_id = $1 AND agent_id = $2 AND current = 1 ORDER BY namespace, name`, tenant, agentID)
	return p, err
}

// CommitPublications makes a batch of bundles the newest of their agents and clears the
// marks that asked for them, all or nothing. conflict means that the desired state moved on
// since the bundles were compiled, or that another publisher was first: compile again. A
// mark that was set anew meanwhile stays; one that is not set any more means that somebody
// has published what came later.
func (s *Store) CommitPublications(ctx context.Context, tenant crontopus.TenantID, desiredSequence int64,
	pubs []crontopus.Publication, done []crontopus.Mark) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		has, err := lockTenant(ctx, t, tenant)
		if err != nil {
			return err
		}
		if has != desiredSequence {
			return crontopus.Errorf(crontopus.CodeConflict,
				"the desired state moved on (compiled from %d, now %d)", desiredSequence, has)
		}
		var changed []agentJob
		for _, p := range pubs {
			list, err := publish(ctx, t, tenant, p)
			if err != nil {
				return err
			}
			changed = append(changed, list...)
		}
		if err := setAgentJobs(ctx, t, tenant, changed); err != nil {
			return err
		}
		if err := watchEntries(ctx, t, tenant, changed, s.now()); err != nil {
			return err
		}
		if err := clearMarks(ctx, t, tenant, pubs, done); err != nil {
			return err
		}
		return published(ctx, t, tenant, pubs)
	})
}

// clearMarks takes away the marks that bundles were compiled for.
func clearMarks(ctx context.Context, t tx, tenant crontopus.TenantID, pubs []crontopus.Publication, done []crontopus.Mark) error {
	for _, m := range done {
		n, err := t.Exec(ctx, `
			UPDATE publish_marks SET pending = 0, trace = '' WHERE tenant_id = $1 AND agent_id = $2 AND version = $3 AND pending = 1`,
			tenant, m.AgentID, m.Version)
		if err != nil {
			return err
		}
		if n == 1 || !slices.ContainsFunc(pubs, func(p crontopus.Publication) bool { return p.AgentID == m.AgentID }) {
			continue
		}
		again, err := exists(ctx, t, "SELECT 1 FROM publish_marks WHERE tenant_id = $1 AND agent_id = $2 AND pending = 1", tenant, m.AgentID)
		if err != nil {
			return err
		}
		if !again {
			return crontopus.Errorf(crontopus.CodeConflict, "another publisher was first with the bundle of the agent %q", m.AgentID)
		}
	}
	return nil
}

// published tells the servers at which these agents may wait.
func published(ctx context.Context, t tx, tenant crontopus.TenantID, pubs []crontopus.Publication) error {
	if len(pubs) == 0 {
		return nil
	}
	ids := make([]string, len(pubs))
	for i := range pubs {
		ids[i] = pubs[i].AgentID
	}
	return t.Tell(ctx, Change{Kind: ChangedAgents, Tenant: tenant, Agents: ids})
}

// publish replaces an agent's publication by one of a higher generation, or by a fresh
// signature on the same jobs and generation, and returns which jobs come to the agent or leave it.
func publish(ctx context.Context, t tx, tenant crontopus.TenantID, p crontopus.Publication) ([]agentJob, error) {
	was, err := publication(ctx, t, tenant, p.AgentID)
	if err != nil && !errors.Is(err, errNoRow) {
		return nil, err
	}
	step := p.Generation.Compare(was.Generation)
	if step < 0 || (step == 0 && p.JobsDigest != was.JobsDigest) {
		return nil, crontopus.Errorf(crontopus.CodeConflict, "the agent %q has generation %s already", p.AgentID, was.Generation)
	}
	_, err = t.Exec(ctx, `
		INSERT INTO publications (tenant_id, agent_id, epoch, number, jobs_digest, issued_at, expires_at, trace, envelope)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (tenant_id, agent_id) DO UPDATE SET epoch = excluded.epoch, number = excluded.number,
			jobs_digest = excluded.jobs_digest, issued_at = excluded.issued_at, expires_at = excluded.expires_at,
			trace = excluded.trace, envelope = excluded.envelope`,
		tenant, p.AgentID, p.Generation.Epoch, p.Generation.Number, p.JobsDigest, micros(p.Issued), micros(p.Expires), p.Trace, p.Envelope)
	var changed []agentJob
	for _, gone := range without(was.Jobs, p.Jobs) {
		changed = append(changed, agentJob{p.AgentID, gone, false})
	}
	for _, added := range without(p.Jobs, was.Jobs) {
		changed = append(changed, agentJob{p.AgentID, added, true})
	}
	return changed, err
}

// agentJob says whether a job is in an agent's newest bundle.
type agentJob struct {
	agent   string
	job     crontopus.JobName
	current bool
}

// setAgentJobs notes what is in agents' newest bundles. That a job once was is never forgotten:
// its late check-ins are welcome.
func setAgentJobs(ctx context.Context, t tx, tenant crontopus.TenantID, list []agentJob) error {
	var v many
	withEach(&v, "tenant", "text", list, func(*agentJob) string { return string(tenant) })
	withEach(&v, "agent", "text", list, func(j *agentJob) string { return j.agent })
	withEach(&v, "space", "text", list, func(j *agentJob) string { return j.job.Namespace })
	withEach(&v, "job", "text", list, func(j *agentJob) string { return j.job.Name })
	withEach(&v, "is_current", "bigint", list, func(j *agentJob) int64 { return bit(j.current) })
	_, err := execMany(ctx, t, v, `
		INSERT INTO agent_jobs (tenant_id, agent_id, namespace, name, current) SELECT tenant, agent, space, job, is_current FROM v WHERE true
		ON CONFLICT (tenant_id, agent_id, namespace, name) DO UPDATE SET current = excluded.current`)
	return err
}

// without returns the names of a that are not in b.
func without(a, b []crontopus.JobName) []crontopus.JobName {
	in := make(map[crontopus.JobName]bool, len(b))
	for _, n := range b {
		in[n] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(n crontopus.JobName) bool { return in[n] })
}
