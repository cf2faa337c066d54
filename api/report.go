package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

type reportStore interface {
	SystemAgent(ctx context.Context, agentID string) (crontopus.Agent, error)
	SaveReport(ctx context.Context, tenant crontopus.TenantID, agentID string, report crontopus.AgentReport) error
}

// report takes what an agent says after each reconcile.
type report struct {
	store         reportStore
	now           func() time.Time
	wakePublisher func()
	log           *slog.Logger
	instances     *sync.Map // agent's id to the name of the instance that last reported here
	traces        *tracing
}

// warnOfClone logs that two hosts use one identity, where the report of now showed it.
func (s report) warnOfClone(ctx context.Context, a *identity, now time.Time) {
	stored, err := s.store.SystemAgent(ctx, a.ID)
	if cloned := stored.Status.Report.Instance.ClonedAt; err == nil && cloned != nil && cloned.Equal(now) {
		s.log.WarnContext(ctx, "two hosts use the identity of one agent; enroll one of them anew", "agent", a.Name)
	}
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
	if was, known := s.instances.Swap(c.agent.ID, in.Body.Instance.Name); !known || was != in.Body.Instance.Name {
		defer s.warnOfClone(ctx, c.agent, in.Body.ReceivedAt)
	}
	tellTrace := s.traces.applied(ctx, c.agent, &in.Body)
	if err := s.store.SaveReport(ctx, c.tenant, c.agent.ID, in.Body); err != nil {
		return nil, err
	}
	tellTrace()
	s.wakePublisher()
	return nil, nil
}
