package api

import (
	"context"
	"log/slog"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
	"crontopus.dev/crontopus/internal/trace"
)

const (
	tracedFor  = time.Hour // what an agent fetches or applies later is not what a trace waits for
	mostHanded = 20_000    // agents
)

// tracing tells what became of a traced bundle at its agent.
type tracing struct {
	trace.Tracer
	store  tracingStore
	handed *recent.Map[string, handing] // by agent
}

type tracingStore interface {
	SystemAgent(ctx context.Context, agentID string) (crontopus.Agent, error)
	Publication(ctx context.Context, tenant crontopus.TenantID, agentID string) (crontopus.Publication, error)
}

// handing is when this server handed an agent its bundle.
type handing struct {
	generation crontopus.Generation
	at         time.Time
}

func newTracing(t trace.Tracer, store tracingStore) *tracing {
	return &tracing{Tracer: t, store: store, handed: recent.New[string, handing](mostHanded)}
}

// off reports whether nobody traces.
func (t *tracing) off() bool { return t.Tracer == trace.Tracer(trace.Off{}) }

// fresh reports whether a publication is part of a trace that is worth going on with.
func fresh(pub *crontopus.Publication, now time.Time) bool {
	return pub.Trace != "" && now.Sub(pub.Issued).Abs() < tracedFor
}

// handOver tells that an agent got its bundle.
func (t *tracing) handOver(a *identity, pub *crontopus.Publication, began, now time.Time) {
	if t.off() || !fresh(pub, now) {
		return
	}
	_, _, seen := t.handed.Get(a.ID)
	t.handed.Put(a.ID, handing{pub.Generation, now}, seen)
	t.Begin(pub.Trace, "bundle", began).End(now, "", slog.String("agent", a.Name), slog.String("generation", pub.Generation.String()))
}

// applied is called before an agent's report is kept. It returns what is to be called once it is:
// the first report of a generation ends what its push began.
func (t *tracing) applied(ctx context.Context, a *identity, report *crontopus.AgentReport) (tell func()) {
	if t.off() {
		return func() {}
	}
	was, err := t.store.SystemAgent(ctx, a.ID)
	if err != nil || was.Status.Report.Applied == report.Applied {
		return func() {}
	}
	pub, err := t.store.Publication(ctx, a.Tenant, a.ID)
	if err != nil || pub.Generation != report.Applied || !fresh(&pub, report.ReceivedAt) {
		return func() {}
	}
	began := report.ReceivedAt // where another server handed it over
	if h, known, _ := t.handed.Get(a.ID); known && h.generation == report.Applied {
		began = h.at
	}
	return func() {
		t.Begin(pub.Trace, "apply", began).End(report.ReceivedAt, report.Error, slog.String("agent", a.Name), slog.String("generation", pub.Generation.String()))
	}
}
