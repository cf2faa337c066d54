package api

import (
	"context"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
)

type reportStore interface {
	SaveReport(ctx context.Context, tenant crontopus.TenantID, agentID string, report crontopus.AgentReport) error
}

// report takes what an agent says after each reconcile.
type report struct {
	store         reportStore
	now           func() time.Time
	wakePublisher func()
}

func (s report) register(r *router) {
	add(r, agent, operation(http.MethodPost, "/api/v1/agent/report", "report", tagAgentProtocol, "Report what a reconcile came to",
		"The newest report is kept. Facts that targets may match can change the agent's bundle."), s.save)
}

func (s report) save(ctx context.Context, in *struct{ Body crontopus.AgentReport }) (*struct{}, error) {
	c := callerOf(ctx)
	if err := checkPairs("fact", in.Body.Facts); err != nil {
		return nil, err
	}
	in.Body.ReceivedAt = s.now().UTC()
	if err := s.store.SaveReport(ctx, c.tenant, c.agent.ID, in.Body); err != nil {
		return nil, err
	}
	s.wakePublisher()
	return nil, nil
}
