package api_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// Who is there is asked when a poll comes, not when it ends: a token lives minutes, a wait nearly one.
func TestAPollThatWaitedLongerThanItsTokenLivesIsAnswered(t *testing.T) {
	s := newServer(t)
	var later atomic.Int64
	s.now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	s.publish(1, "{}")
	auth := "Authorization: Bearer " + s.agentToken(time.Now(), nil)
	first := s.send(http.MethodGet, "/api/v1/agent/bundle", "", auth)
	require.Equal(t, 200, first.status)

	answer := make(chan reply, 1)
	go func() {
		answer <- s.send(http.MethodGet, "/api/v1/agent/bundle?wait=60s", "", auth, "If-None-Match: "+first.header.Get("ETag"))
	}()
	require.Eventually(t, func() bool { return s.api.Waiting() == 1 }, 10*time.Second, time.Millisecond)
	later.Store(int64(time.Hour))
	s.publish(2, `{"new":true}`)
	r := <-answer
	require.Equal(t, 200, r.status)
	require.Equal(t, `{"new":true}`, string(r.body))

	r = s.send(http.MethodGet, "/api/v1/agent/bundle?wait=60s", "", auth, "If-None-Match: "+r.header.Get("ETag"))
	require.Equal(t, 401, r.status, "the next one is too late, and does not wait")
}

func TestWhoIsNoAgentDoesNotWait(t *testing.T) {
	s := newServer(t)
	for name, c := range map[string]struct {
		auth   string
		status int
	}{
		"nobody":       {"X-Nothing: here", 401},
		"a person":     {s.bearer(crontopus.RoleAdmin), 403},
		"a stranger":   {"Authorization: Bearer nonsense", 401},
		"a bad wait":   {"Authorization: Bearer " + s.agentToken(time.Now(), nil), 400},
		"another path": {"Authorization: Bearer " + s.agentToken(time.Now(), nil), 404},
	} {
		path := map[string]string{"a bad wait": "/api/v1/agent/bundle?wait=soon", "another path": "/api/v1/agent/bundle/?wait=60s"}[name]
		if path == "" {
			path = "/api/v1/agent/bundle?wait=60s"
		}
		r := s.send(http.MethodGet, path, "", c.auth)
		require.Equal(t, c.status, r.status, name)
		require.NotEmpty(t, r.header.Get("X-Request-Id"), name)
	}
	require.Zero(t, s.api.Waiting())
}

func TestHeadOfTheBundleIsAnswered(t *testing.T) {
	s := newServer(t)
	s.publish(1, "{}")
	r := s.send(http.MethodHead, "/api/v1/agent/bundle", "", "Authorization: Bearer "+s.agentToken(time.Now(), nil))
	require.Equal(t, 200, r.status)
	require.NotEmpty(t, r.header.Get("ETag"))
	require.Empty(t, r.body)
}
