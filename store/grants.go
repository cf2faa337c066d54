package store

import (
	"context"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
)

// grant is a job that an agent may check in for, or anybody of the tenant if it names none.
type grant struct {
	tenant  crontopus.TenantID
	agentID string
	job     crontopus.JobName
}

// rememberedGrants is how many the store remembers: nobody ever loses one.
const rememberedGrants = 50_000

// readGrants finds out who may check in for what.
func (f *fold) readGrants(ctx context.Context, t tx, known *recent.Map[grant, bool]) error {
	ask := map[grant]bool{}
	var seen uint64
	for i := range f.items {
		g := f.items[i].grant()
		if _, done := f.may[g]; done {
			continue
		}
		if f.may[g], _, seen = known.Get(g); !f.may[g] {
			ask[g] = true
			g.agentID = "" // an answer to an agent tells a job that it may not from one that is none
			ask[g] = true
		}
	}
	found, err := askGrants(ctx, t, ask)
	for _, g := range found {
		f.may[g] = true
		known.Put(g, true, seen)
	}
	return err
}

// askGrants returns those of the grants that are given.
func askGrants(ctx context.Context, t tx, ask map[grant]bool) ([]grant, error) {
	var agents, anybody []grant
	for g := range ask {
		if g.agentID != "" {
			agents = append(agents, g)
		} else {
			anybody = append(anybody, g)
		}
	}
	scan := func(r row, g *grant) error { return r.Scan(&g.tenant, &g.agentID, &g.job.Namespace, &g.job.Name) }
	granted, err := collectMany(ctx, t, scan, grants(agents), `
		SELECT j.tenant_id, j.agent_id, j.namespace, j.name FROM v CROSS JOIN agent_jobs j
			WHERE j.tenant_id = v.tenant AND j.agent_id = v.agent AND j.namespace = v.space AND j.name = v.job`)
	if err != nil {
		return nil, err
	}
	known, err := collectMany(ctx, t, scan, grants(anybody), `
		SELECT j.tenant_id, '', j.namespace, j.name FROM v CROSS JOIN job_names j
			WHERE j.tenant_id = v.tenant AND j.namespace = v.space AND j.name = v.job`)
	return append(granted, known...), err
}

func grants(list []grant) (v many) {
	withEach(&v, "tenant", "text", list, func(g *grant) string { return string(g.tenant) })
	withEach(&v, "agent", "text", list, func(g *grant) string { return g.agentID })
	withEach(&v, "space", "text", list, func(g *grant) string { return g.job.Namespace })
	withEach(&v, "job", "text", list, func(g *grant) string { return g.job.Name })
	return v
}
