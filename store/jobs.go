package store

import (
	"context"
	"errors"

	"crontopus.dev/crontopus"
)

// Jobs lists the desired jobs of all sources by name.
func (s *Store) Jobs(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.DesiredJob, next string, err error) {
	from, err := parseCursor(p, beforeAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanDesired, selectDesired+`
			WHERE d.tenant_id = $1 AND (d.namespace, d.name) > ($2, $3)
			ORDER BY d.namespace, d.name LIMIT $4`, tenant, from.Text, from.More, limit(p))
		return err
	})
	list, next = cut(list, p, func(j *crontopus.DesiredJob) cursor {
		return cursor{Text: j.Job.Metadata.Namespace, More: j.Job.Metadata.Name}
	})
	return list, next, err
}

// Job returns one desired job.
func (s *Store) Job(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (j crontopus.DesiredJob, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		return scanDesired(t.QueryRow(ctx, selectDesired+`
			WHERE d.tenant_id = $1 AND d.namespace = $2 AND d.name = $3`, tenant, name.Namespace, name.Name), &j)
	})
	if errors.Is(err, errNoRow) {
		err = noJob(name)
	}
	return j, err
}

func noJob(name crontopus.JobName) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is no job %s", name)
}

// JobAgents returns the names of the agents whose newest bundle has the job, sorted.
func (s *Store) JobAgents(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (names []string, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		names, err = collect(ctx, t, scanOne[string], `
			SELECT a.name FROM agent_jobs j JOIN agents a ON a.tenant_id = j.tenant_id AND a.id = j.agent_id
			WHERE j.tenant_id = $1 AND j.namespace = $2 AND j.name = $3 AND j.current = 1 AND a.revoked_at IS NULL
			ORDER BY a.name`, tenant, name.Namespace, name.Name)
		return err
	})
	return names, err
}

// JobZones returns the time zones that those agents have reported, by the agent's name.
func (s *Store) JobZones(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (zones map[string]string, err error) {
	zones = map[string]string{}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		agents, err := collect(ctx, t, scanAgent, selectAgents+`
			JOIN agent_jobs j ON j.tenant_id = a.tenant_id AND j.agent_id = a.id
			WHERE j.tenant_id = $1 AND j.namespace = $2 AND j.name = $3 AND j.current = 1 AND a.revoked_at IS NULL`,
			tenant, name.Namespace, name.Name)
		for i := range agents {
			zones[agents[i].Name] = agents[i].Status.Report.Timezone
		}
		return err
	})
	return zones, err
}

// AgentJobs returns the jobs of an agent's newest bundle, as they are desired now.
func (s *Store) AgentJobs(ctx context.Context, tenant crontopus.TenantID, agent string) (list []crontopus.DesiredJob, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		a, err := agentByName(ctx, t, tenant, agent, "")
		if err != nil {
			return err
		}
		list, err = collect(ctx, t, scanDesired, selectDesired+`
			JOIN agent_jobs j ON j.tenant_id = d.tenant_id AND j.namespace = d.namespace AND j.name = d.name
			WHERE j.tenant_id = $1 AND j.agent_id = $2 AND j.current = 1
			ORDER BY d.namespace, d.name`, tenant, a.ID)
		return err
	})
	return list, err
}
