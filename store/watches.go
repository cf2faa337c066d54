package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// wakeEntries has the watches of jobs' entries looked at: Git says something else of them.
func wakeEntries(ctx context.Context, t tx, tenant crontopus.TenantID, names []crontopus.JobName, now time.Time) error {
	var v many
	withEach(&v, "tenant", "text", names, func(*crontopus.JobName) string { return string(tenant) })
	withEach(&v, "space", "text", names, func(n *crontopus.JobName) string { return n.Namespace })
	withEach(&v, "job", "text", names, func(n *crontopus.JobName) string { return n.Name })
	withEach(&v, "look", "bigint", names, func(*crontopus.JobName) int64 { return micros(now) })
	_, err := execMany(ctx, t, v, `
		UPDATE watches SET look_at = v.look FROM v
		WHERE watches.tenant_id = v.tenant AND watches.namespace = v.space AND watches.name = v.job AND watches.kind = 'entry'`)
	return err
}

// watchEntries makes the watches of entries that have come to hosts, and has those of entries
// that have left looked at.
func watchEntries(ctx context.Context, t tx, tenant crontopus.TenantID, list []agentJob, now time.Time) error {
	var v many
	withEach(&v, "tenant", "text", list, func(*agentJob) string { return string(tenant) })
	withEach(&v, "watch", "text", list, func(j *agentJob) string { return crontopus.EntryWatchID(j.job, j.agent) })
	withEach(&v, "space", "text", list, func(j *agentJob) string { return j.job.Namespace })
	withEach(&v, "job", "text", list, func(j *agentJob) string { return j.job.Name })
	withEach(&v, "agent", "text", list, func(j *agentJob) string { return j.agent })
	withEach(&v, "look", "bigint", list, func(*agentJob) int64 { return micros(now) })
	_, err := execMany(ctx, t, v, `
		INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
		SELECT tenant, watch, 'entry', space, job, agent, '', look, 0, '{}' FROM v WHERE true
		ON CONFLICT (tenant_id, id) DO UPDATE SET look_at = excluded.look_at`)
	return err
}

// watchAgent makes an agent's watch, or has it looked at.
func watchAgent(ctx context.Context, t tx, tenant crontopus.TenantID, id string, now time.Time) error {
	_, err := t.Exec(ctx, `
		INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
		VALUES ($1, $2, 'agent', '', '', $3, '', $4, 0, '{}')
		ON CONFLICT (tenant_id, id) DO UPDATE SET look_at = excluded.look_at`, tenant, crontopus.AgentWatchID(id), id, micros(now))
	return err
}

// wakeHost has the watches of an agent and of all its entries looked at.
func wakeHost(ctx context.Context, t tx, tenant crontopus.TenantID, id string, now time.Time) error {
	_, err := t.Exec(ctx, "UPDATE watches SET look_at = $1 WHERE tenant_id = $2 AND agent_id = $3 AND agent_id <> ''", micros(now), tenant, id)
	return err
}

// watchSource makes a source's watch, or has it looked at.
func watchSource(ctx context.Context, t tx, tenant crontopus.TenantID, id string, now time.Time) error {
	_, err := t.Exec(ctx, `
		INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
		VALUES ($1, $2, 'source', '', '', '', $3, $4, 0, '{}')
		ON CONFLICT (tenant_id, id) DO UPDATE SET look_at = excluded.look_at`, tenant, crontopus.SourceWatchID(id), id, micros(now))
	return err
}

// wakeSource has a source's watch looked at where its status may begin an incident, or end one.
func wakeSource(ctx context.Context, t tx, src crontopus.Source, status crontopus.SourceStatus) error {
	wrong := slices.ContainsFunc(status.Conditions, func(c crontopus.Condition) bool { return c.Type == crontopus.ConditionReady && !c.Status })
	_, err := t.Exec(ctx, "UPDATE watches SET look_at = 0 WHERE tenant_id = $1 AND id = $2 AND (alert = 1 OR $3 = 1)",
		src.Tenant, crontopus.SourceWatchID(src.ID), bit(wrong))
	return err
}

// wakeAgents has the watches of agents looked at whose incident may be over: they were heard of.
func wakeAgents(ctx context.Context, t tx, beats []crontopus.Heartbeat, now time.Time) error {
	var v many
	withEach(&v, "tenant", "text", beats, func(b *crontopus.Heartbeat) string { return string(b.Tenant) })
	withEach(&v, "watch", "text", beats, func(b *crontopus.Heartbeat) string { return crontopus.AgentWatchID(b.AgentID) })
	withEach(&v, "look", "bigint", beats, func(*crontopus.Heartbeat) int64 { return micros(now) })
	_, err := execMany(ctx, t, v, `
		UPDATE watches SET look_at = v.look FROM v
		WHERE watches.tenant_id = v.tenant AND watches.id = v.watch AND watches.alert = 1 AND watches.look_at > v.look`)
	return err
}

// wakeMissed has an agent's entries looked at that something is wrong with: the agent is back, and
// has told why nothing ran. Those that another server looks at see it themselves.
func wakeMissed(ctx context.Context, t tx, tenant crontopus.TenantID, id string, now time.Time) error {
	_, err := t.Exec(ctx, `
		UPDATE watches SET look_at = $1 WHERE tenant_id = $2 AND id IN (SELECT w.id FROM watches w
			WHERE w.tenant_id = $2 AND w.agent_id = $3 AND w.kind = 'entry' AND w.alert = 1 AND w.look_at > $1`+t.Claim("w")+`)`, micros(now), tenant, id)
	return err
}

// signal tells the detector of the runs that it must see: those that did not go well, and every
// one of an entry that something is wrong with, be it only since a moment ago.
func signal(ctx context.Context, t tx, runs []*runKept, now time.Time) error {
	wrong := map[watchKey]bool{}
	for _, r := range runs {
		if r.wrong || r.Ended() && r.State != crontopus.RunSucceeded {
			wrong[watchOf(r)] = true
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return signalAll(ctx, t, slices.DeleteFunc(runs, func(r *runKept) bool { return !wrong[watchOf(r)] }), now)
}

// signalAll writes the watch first, so that no look is under way that would drop the signal with those
// before it. Until that look every run is a signal: one that went well may end what began here.
func signalAll(ctx context.Context, t tx, runs []*runKept, now time.Time) error {
	slices.SortFunc(runs, func(a, b *runKept) int { // everybody locks watches in this order
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), a.Job.Compare(b.Job), cmp.Compare(a.agentID, b.agentID))
	})
	var v many
	withWatches(&v, runs)
	withEach(&v, "run", "text", runs, func(r **runKept) string { return (*r).ID })
	withEach(&v, "look", "bigint", runs, func(**runKept) int64 { return micros(now) })
	if _, err := execMany(ctx, t, v, `
		UPDATE watches SET look_at = v.look, alert = 1 FROM v
		WHERE watches.tenant_id = v.tenant AND watches.id = v.watch`); err != nil {
		return err
	}
	_, err := execMany(ctx, t, v, `
		INSERT INTO signals (tenant_id, watch_id, run_id)
		SELECT v.tenant, v.watch, v.run FROM v CROSS JOIN watches
		WHERE watches.tenant_id = v.tenant AND watches.id = v.watch
		ON CONFLICT DO NOTHING`)
	return err
}

func watchOf(r *runKept) watchKey {
	return watchKey{r.tenant, crontopus.EntryWatchID(r.Job, r.agentID)}
}

func withWatches(v *many, runs []*runKept) {
	withEach(v, "tenant", "text", runs, func(r **runKept) string { return string((*r).tenant) })
	withEach(v, "watch", "text", runs, func(r **runKept) string { return watchOf(*r).id })
}

// SystemAdopt makes watches for what has none: a server of a version that knew of none made it. And it makes
// good that the clock was set back.
func (s *Store) SystemAdopt(ctx context.Context, now time.Time) error {
	return s.engine.write(ctx, scopeDue, func(t tx) error {
		for _, query := range []string{
			`SELECT a.tenant_id, 'agent/' || a.id, 'agent', '', '', a.id, '', CAST($1 AS BIGINT), 0, '{}' FROM agents a
				WHERE a.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.tenant_id = a.tenant_id AND w.id = 'agent/' || a.id)`,
			`SELECT s.tenant_id, 'source/' || s.id, 'source', '', '', '', s.id, CAST($1 AS BIGINT), 0, '{}' FROM sources s
				WHERE s.removed_at IS NULL AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.tenant_id = s.tenant_id AND w.id = 'source/' || s.id)`,
			`SELECT j.tenant_id, 'entry/' || j.namespace || '/' || j.name || '/' || j.agent_id, 'entry', j.namespace, j.name, j.agent_id, '', CAST($1 AS BIGINT), 0, '{}'
				FROM agent_jobs j WHERE j.current = 1 AND NOT EXISTS (SELECT 1 FROM watches w
					WHERE w.tenant_id = j.tenant_id AND w.id = 'entry/' || j.namespace || '/' || j.name || '/' || j.agent_id)`,
		} {
			if _, err := t.Exec(ctx, `
				INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state) `+query+`
				ON CONFLICT DO NOTHING`, micros(now)); err != nil {
				return err
			}
		}
		return setBack(ctx, t, now)
	})
}

// setBack has whoever was heard of later than now heard of now, and looked at by that: else nobody would
// see before then that a host is offline, or back.
func setBack(ctx context.Context, t tx, now time.Time) error {
	n, err := t.Exec(ctx, "UPDATE agents SET last_seen_at = $1 WHERE last_seen_at > $2", micros(now), micros(now.Add(servingGap)))
	if err != nil || n == 0 {
		return err
	}
	if _, err := t.Exec(ctx, "UPDATE watches SET look_at = $1 WHERE kind = 'agent' AND look_at > $1", micros(now)); err != nil {
		return err
	}
	_, err = t.Exec(ctx, "UPDATE incidents SET route_at = $1 WHERE route_at > $1", micros(now))
	return err
}

// servingGap is how long nobody may have answered agents before that counts as our absence.
const servingGap = time.Minute

// SystemServing notes that agents are being answered, more often than servingGap.
func (s *Store) SystemServing(ctx context.Context, now time.Time) error {
	return s.engine.write(ctx, scopeSetup, func(t tx) error {
		_, err := t.Exec(ctx, `
			UPDATE installation SET looking_since = CASE WHEN looked_at < $2 OR looked_at > $3 THEN $1 ELSE looking_since END, looked_at = $1`,
			micros(now), micros(now.Add(-servingGap)), micros(now.Add(servingGap)))
		return err
	})
}

// servingSince is since when agents have been answered without a gap: not at all is since now.
func servingSince(ctx context.Context, t tx, now time.Time) (time.Time, error) {
	var since, last time.Time
	err := t.QueryRow(ctx, "SELECT looking_since, looked_at FROM installation").Scan(instant(&since), instant(&last))
	if now.Sub(last) > servingGap {
		since = now
	}
	return since, err
}
