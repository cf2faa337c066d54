package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestDrainingWaitsForWhatWasAcceptedAndTakesNothingNew(t *testing.T) {
	s := newServer(t)
	body, write := io.Pipe()
	accepted := httptest.NewRequest(http.MethodPost, "/api/v1/jobs/production/nightly-backup/checkins", body)
	accepted.Header.Set("Authorization", "Bearer "+s.keys[crontopus.RoleOperator])
	accepted.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.api.ServeHTTP(answer, accepted)
	}()
	_, err := io.WriteString(write, `{"runId": "01930000-0000-7000-8000-00000000000a",`) // returns when it is read
	require.NoError(t, err)

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.api.Drain(context.Background())
	}()
	for ready := 0; ready != http.StatusServiceUnavailable; {
		ready = s.send(http.MethodGet, "/readyz", "").status
	}
	refused := s.send(http.MethodGet, "/api/v1/jobs", "")
	require.Equal(t, http.StatusServiceUnavailable, refused.status)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	select {
	case <-drained:
		t.Fatal("drained while a check-in was under way")
	default:
	}

	_, err = io.WriteString(write, `"event": "success"}`)
	require.NoError(t, err)
	require.NoError(t, write.Close())
	<-answered
	<-drained
	require.Less(t, answer.Code, 300, answer.Body)
}

func TestDrainingEndsWithItsPatience(t *testing.T) {
	s := newServer(t)
	body, write := io.Pipe()
	defer write.Close()
	accepted := httptest.NewRequest(http.MethodPost, "/hooks/forgejo/src-1", body)
	go s.api.ServeHTTP(httptest.NewRecorder(), accepted)
	_, err := io.WriteString(write, "{")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.api.Drain(ctx) // returns
}

func TestALeavingServerServesOnUntilLoadBalancersHaveSeenIt(t *testing.T) {
	s := newServer(t)
	leaving, over := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		s.api.Leave(leaving)
	}()
	for ready := 0; ready != http.StatusServiceUnavailable; {
		ready = s.send(http.MethodGet, "/readyz", "").status
	}
	resp, err := http.DefaultClient.Do(s.request(http.MethodGet, "/api/v1/jobs", s.bearer(crontopus.RoleViewer)))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, resp.Close, "the caller's next connection is to lead somewhere else")
	over()
	<-left
	s.api.Drain(t.Context())
	require.Equal(t, http.StatusServiceUnavailable, s.send(http.MethodGet, "/api/v1/jobs", "").status)
}

// request is one with a header.
func (s *server) request(method, path, header string) *http.Request {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, http.NoBody)
	require.NoError(s.t, err)
	name, value, _ := strings.Cut(header, ": ")
	req.Header.Set(name, value)
	return req
}
