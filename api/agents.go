package api

import (
	"context"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type agentStore interface {
	Agents(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (agents []crontopus.Agent, next string, err error)
	AgentByName(ctx context.Context, tenant crontopus.TenantID, nameOrID string) (crontopus.Agent, error)
	AgentJobs(ctx context.Context, tenant crontopus.TenantID, agentName string) ([]crontopus.DesiredJob, error)
	RevokeAgent(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) (crontopus.Agent, error)
	jobStore
}

// agents shows the hosts, and ends an agent's identity.
type agents struct {
	store         agentStore
	now           func() time.Time
	cache         *agentCache
	board         *board
	wakePublisher func()
}

func (s agents) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/agents", "list-agents", tagAgents, "List the agents by name", ""), s.list)
	add(r, viewer, operation(http.MethodGet, "/api/v1/agents/{name}", "get-agent", tagAgents, "Get an agent by its name or id", ""), s.get)
	add(r, viewer, operation(http.MethodGet, "/api/v1/agents/{name}/jobs", "list-agent-jobs", tagAgents, "List the jobs that an agent should hold", ""), s.jobs)
	add(r, operator, operation(http.MethodPost, "/api/v1/agents/{name}/revoke", "revoke-agent", tagAgents, "Revoke an agent",
		"Its tokens are refused from now on, and a poll of its that waits ends at once. "+
			"What it holds keeps running until its host is told otherwise."), s.revoke)
}

func (s agents) list(ctx context.Context, in *PageIn) (*body[wire.List[crontopus.Agent]], error) {
	found, next, err := s.store.Agents(ctx, callerOf(ctx).tenant, in.page())
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = showAgent(found[i])
	}
	return listOf(found, next), nil
}

func (s agents) get(ctx context.Context, in *NameIn) (*body[crontopus.Agent], error) {
	found, err := s.store.AgentByName(ctx, callerOf(ctx).tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return answer(showAgent(found)), nil
}

func (s agents) jobs(ctx context.Context, in *NameIn) (*body[wire.List[wire.Job]], error) {
	found, err := s.store.AgentByName(ctx, callerOf(ctx).tenant, in.Name)
	if err != nil {
		return nil, err
	}
	desired, err := s.store.AgentJobs(ctx, callerOf(ctx).tenant, found.Name)
	if err != nil {
		return nil, err
	}
	shown, err := jobs{store: s.store, now: s.now}.show(ctx, desired)
	if err != nil {
		return nil, err
	}
	return listOf(shown, ""), nil
}

func (s agents) revoke(ctx context.Context, in *NameIn) (*body[crontopus.Agent], error) {
	c := callerOf(ctx)
	revoked, err := s.store.RevokeAgent(ctx, c.tenant, c.actor(), in.Name, s.now())
	if err != nil {
		return nil, err
	}
	// First forget, then wake: who wakes must not find the agent as it was.
	s.cache.forget(revoked.ID)
	s.board.publish(revoked.ID)
	s.wakePublisher()
	return answer(showAgent(revoked)), nil
}

func showAgent(a crontopus.Agent) crontopus.Agent {
	a.Labels, a.Facts = orEmptyMap(a.Labels), orEmptyMap(a.Facts)
	return a
}
