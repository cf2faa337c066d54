package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

// tracer keeps the spans that have ended.
type tracer struct {
	mu    sync.Mutex
	begun int
	ended []tracedSpan
}

type tracedSpan struct {
	tracer       *tracer
	parent, name string
	from, to     time.Time
	problem      string
	about        string
	own          string
}

func (t *tracer) Begin(parent, name string, at time.Time) trace.Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
	return &tracedSpan{tracer: t, parent: parent, name: name, from: at, own: fmt.Sprintf("00-%032d-%016d-01", 1, t.begun)}
}

func (s *tracedSpan) Name() string { return s.own }

func (s *tracedSpan) End(at time.Time, problem string, attributes ...slog.Attr) {
	s.tracer.mu.Lock()
	defer s.tracer.mu.Unlock()
	s.to, s.problem, s.about = at, problem, fmt.Sprint(attributes)
	s.tracer.ended = append(s.tracer.ended, *s)
}

// told returns and forgets the spans that have ended.
func (t *tracer) told() []tracedSpan {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.ended
	t.ended = nil
	return list
}

const parentSpan = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// publishTraced gives the agent a bundle of a traced push.
func (s *server) publishTraced(number int64, issued time.Time) {
	s.store.change(func() {
		s.store.pubs[agentID] = crontopus.Publication{Tenant: crontopus.DefaultTenant, AgentID: agentID, Issued: issued, Trace: parentSpan,
			Generation: crontopus.Generation{Epoch: 1, Number: number}, Envelope: fmt.Appendf(nil, `{"payload":"%d"}`, number)}
	})
	s.api.Published(crontopus.DefaultTenant, []string{agentID})
}

func (s *server) reports(t *testing.T, number int64, problem string) {
	t.Helper()
	require.NoError(t, s.asAgent().Report(t.Context(), crontopus.AgentReport{At: s.now(), Version: "1", Scheduler: "builtin",
		Applied: crontopus.Generation{Epoch: 1, Number: number}, Error: problem}))
}

func (s *server) fetches(t *testing.T) {
	t.Helper()
	_, _, changed, err := s.asAgent().Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	require.True(t, changed)
}

func TestATraceEndsWithTheFirstReportOfItsBundle(t *testing.T) {
	s := newServer(t)
	now := time.Now().UTC()
	s.now = func() time.Time { return now }
	s.publishTraced(7, now)
	now = now.Add(time.Second)
	s.fetches(t)
	handed := now
	now = now.Add(2 * time.Second)
	s.reports(t, 6, "") // what it held before
	s.reports(t, 7, "")
	s.reports(t, 7, "")
	spans := s.traced.told()
	require.Len(t, spans, 2)
	for i, name := range []string{"bundle", "apply"} {
		require.Equal(t, name, spans[i].name)
		require.Equal(t, parentSpan, spans[i].parent)
		require.Contains(t, spans[i].about, "db-01")
		require.Contains(t, spans[i].about, "1.7")
		require.Empty(t, spans[i].problem)
	}
	require.True(t, handed.Equal(spans[1].from), "from when it got it")
	require.True(t, now.Equal(spans[1].to))
}

func TestABundleThatAnotherServerHandedOverIsReportedAllTheSame(t *testing.T) {
	s := newServer(t)
	s.publishTraced(7, time.Now())
	s.reports(t, 7, "one entry could not be written")
	spans := s.traced.told()
	require.Len(t, spans, 1)
	require.Equal(t, "apply", spans[0].name)
	require.Equal(t, spans[0].from, spans[0].to)
	require.Equal(t, "one entry could not be written", spans[0].problem)
}

func TestWhatComesLongAfterAPushIsNotPartOfItsTrace(t *testing.T) {
	s := newServer(t)
	s.publishTraced(7, time.Now().Add(-2*time.Hour))
	s.fetches(t)
	s.reports(t, 7, "")
	s.publish(8, `{"payload":"nobody's"}`)
	s.fetches(t)
	s.reports(t, 8, "")
	require.Empty(t, s.traced.told())
}

func TestAWebhookBeginsATraceIfItAsksForASync(t *testing.T) {
	s := newServer(t)
	deliver := func(secret, ref string) int {
		body := `{"ref":"` + ref + `"}`
		return s.send(http.MethodPost, "/hooks/forgejo/src-1", body, "X-Forgejo-Signature: "+hexMAC(secret, body)).status
	}
	require.Equal(t, http.StatusUnauthorized, deliver("wrong", "refs/heads/main"))
	require.Equal(t, http.StatusAccepted, deliver("s3cret", "refs/heads/other"))
	require.Empty(t, s.traced.told())
	require.Equal(t, http.StatusAccepted, deliver("s3cret", "refs/heads/main"))
	spans := s.traced.told()
	require.Len(t, spans, 1)
	require.Equal(t, "webhook", spans[0].name)
	require.Empty(t, spans[0].parent)
	require.Contains(t, spans[0].about, "ops")
	require.Equal(t, []string{spans[0].own}, s.store.behalf, "the sync is on its behalf")
}
