package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

// observer keeps what the API told it, one line each.
type observer struct {
	mu                 sync.Mutex
	requests, checkIns []string
}

func (o *observer) Request(method, route string, status int, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, fmt.Sprintf("%s %s %d", method, route, status))
}

func (o *observer) CheckIn(event crontopus.Event, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checkIns = append(o.checkIns, strings.TrimSpace(fmt.Sprintf("%s %s", event, outcome)))
}

// heard returns the requests that were answered. A request is told after its answer.
func (o *observer) heard(t *testing.T, n int) []string {
	var all []string
	require.Eventually(t, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		all = slices.Clone(o.requests)
		return len(all) >= n
	}, 10*time.Second, time.Millisecond)
	return all
}

func TestRequestsAreToldByRouteWhateverIsAsked(t *testing.T) {
	s := newServer(t)
	viewer := s.bearer(crontopus.RoleViewer)
	s.send(http.MethodGet, "/api/v1/jobs/production/nightly-backup?secret=x", "", viewer)
	s.send(http.MethodGet, "/api/v1/jobs/production/none", "", viewer)
	s.send(http.MethodGet, "/api/v1/agents/db-01", "")
	s.send(http.MethodHead, "/healthz", "")
	s.send(http.MethodGet, "/some/where/else", "")
	s.send(http.MethodDelete, "/api/v1/agents", "", viewer)
	s.send("BREW", "/api/v1/agents", "", viewer)
	require.ElementsMatch(t, []string{
		"GET /api/v1/jobs/{namespace}/{name} 200",
		"GET /api/v1/jobs/{namespace}/{name} 404",
		"GET /api/v1/agents/{name} 401",
		"HEAD /healthz 200",
		"GET unmatched 404",
		"DELETE unmatched 405",
		"other unmatched 405",
	}, s.seen.heard(t, 7))
}

func TestACallerWhoGoesAwayIsNoFailure(t *testing.T) {
	s := newServer(t)
	ctx, hangUp := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, _, err := s.asAgent().Bundle(ctx, "", time.Minute, time.Time{})
		done <- err
	}()
	require.Eventually(t, func() bool { return s.api.Waiting() == 1 }, 10*time.Second, time.Millisecond)
	hangUp()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, []string{"GET /api/v1/agent/bundle 0"}, s.seen.heard(t, 1))
}

func TestCheckInsAreToldByEventAndOutcome(t *testing.T) {
	s := newServer(t)
	c := s.asAgent()
	item := func(job crontopus.JobName, event crontopus.Event) crontopus.CheckIn {
		return crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: job, Event: event, At: time.Now()}
	}
	_, err := c.CheckIns(t.Context(), []crontopus.CheckIn{
		item(backup, crontopus.EventStart), item(backup, crontopus.EventSuccess), item(backup, "dance"),
		item(crontopus.JobName{Namespace: "production", Name: "another"}, crontopus.EventFailure),
	})
	require.NoError(t, err)
	s.store.change(func() { s.store.fail = crontopus.Errorf(crontopus.CodeUnavailable, "the database is away") })
	_, err = c.CheckIns(t.Context(), []crontopus.CheckIn{item(backup, crontopus.EventStart)})
	require.Error(t, err)
	require.ElementsMatch(t, []string{
		"start recorded", "success recorded", "invalid", "failure not_found", "start unavailable",
	}, s.seen.checkIns)
}

func TestEveryLineOfARequestHasItsIDAndNoneASecret(t *testing.T) {
	s := newServer(t)
	agentToken := s.agentToken(time.Now(), nil)
	wrong := token.New(token.APIKey)
	for i, r := range []struct{ path, credential string }{
		{"/api/v1/sources", s.keys[crontopus.RoleAdmin]},
		{"/api/v1/sources?token=topsecret", wrong},
		{"/api/v1/agent/bundle?secret=topsecret", agentToken},
		{"/hooks/forgejo/topsecret", ""},
	} {
		s.send(http.MethodGet, r.path, "", "Authorization: Bearer "+r.credential, fmt.Sprintf("%s: id-%d", wire.HeaderRequestID, i))
	}
	s.store.change(func() { s.store.fail = crontopus.Errorf(crontopus.CodeInternal, "the disk is gone") })
	s.send(http.MethodGet, "/api/v1/agents", "", s.bearer(crontopus.RoleAdmin), wire.HeaderRequestID+": id-4")
	s.seen.heard(t, 5)
	require.Eventually(t, func() bool { return strings.Count(s.log.String(), `"msg":"request"`) == 5 }, 10*time.Second, time.Millisecond)

	text := s.log.String()
	for _, secret := range []string{s.keys[crontopus.RoleAdmin], wrong, agentToken, "topsecret"} {
		require.NotContains(t, text, secret)
	}
	failed := false
	for line := range strings.Lines(text) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		require.Regexp(t, "^id-[0-4]$", l["requestId"], line)
		failed = failed || l["msg"] == "a request failed" && l["requestId"] == "id-4"
	}
	require.True(t, failed, text)
}
