package api_test

import (
	"crypto/ed25519"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/token"
)

// clock is a server's, which stands still until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func withClock(s *server) *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	s.now = c.now
	return c
}

func TestAKeyThatAnotherServerRevokedIsRefusedASecondLater(t *testing.T) {
	s := newServer(t)
	c := withClock(s)
	ask := func() int { return s.send(http.MethodGet, "/api/v1/whoami", "", s.bearer(crontopus.RoleViewer)).status }
	require.Equal(t, http.StatusOK, ask())
	delete(s.store.keys, token.Hash(s.keys[crontopus.RoleViewer]))
	c.advance(999 * time.Millisecond)
	require.Equal(t, http.StatusOK, ask(), "it is remembered")
	c.advance(time.Millisecond)
	require.Equal(t, http.StatusUnauthorized, ask())
}

func TestAKeyIsNotRememberedIntoAPastThatTheClockFallsBackTo(t *testing.T) {
	s := newServer(t)
	c := withClock(s)
	ask := func() int { return s.send(http.MethodGet, "/api/v1/whoami", "", s.bearer(crontopus.RoleViewer)).status }
	require.Equal(t, http.StatusOK, ask())
	delete(s.store.keys, token.Hash(s.keys[crontopus.RoleViewer]))
	c.advance(-time.Hour)
	require.Equal(t, http.StatusUnauthorized, ask())
}

func TestAKeyThatThisServerRevokesIsRefusedAtOnce(t *testing.T) {
	s := newServer(t)
	withClock(s)
	viewer := s.store.keys[token.Hash(s.keys[crontopus.RoleViewer])]
	require.Equal(t, http.StatusOK, s.send(http.MethodGet, "/api/v1/whoami", "", s.bearer(crontopus.RoleViewer)).status)
	require.NoError(t, s.as(crontopus.RoleAdmin).RevokeAPIKey(t.Context(), viewer.ID))
	require.Equal(t, http.StatusUnauthorized, s.send(http.MethodGet, "/api/v1/whoami", "", s.bearer(crontopus.RoleViewer)).status)
}

func TestAnAgentsTokenThatIsSentAgainIsJudgedAgain(t *testing.T) {
	situations := map[string]struct {
		then   func(*server, *clock)
		status int
	}{
		"nothing happened":        {func(*server, *clock) {}, http.StatusNoContent},
		"it is still good":        {func(_ *server, c *clock) { c.advance(4 * time.Minute) }, http.StatusNoContent},
		"it is too old":           {func(_ *server, c *clock) { c.advance(4*time.Minute + 31*time.Second) }, http.StatusUnauthorized},
		"the clock fell far back": {func(_ *server, c *clock) { c.advance(-time.Minute) }, http.StatusUnauthorized},
		"the agent was revoked":   {func(s *server, _ *clock) { s.change(func(a *crontopus.Agent) { at := s.now(); a.RevokedAt = &at }) }, http.StatusUnauthorized},
		"the agent has another key": {func(s *server, _ *clock) {
			s.change(func(a *crontopus.Agent) { a.PublicKey, _, _ = ed25519.GenerateKey(nil) })
		}, http.StatusUnauthorized},
		"the agent was relabelled": {func(s *server, _ *clock) {
			s.change(func(a *crontopus.Agent) { a.Labels = map[string]string{"role": "db"} })
		}, http.StatusNoContent},
	}
	for name, tc := range situations {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := withClock(s)
			header := "Authorization: Bearer " + s.agentToken(s.now(), nil)
			require.Equal(t, http.StatusNoContent, s.send(http.MethodGet, "/api/v1/agent/bundle", "", header).status)
			tc.then(s, c)
			require.Equal(t, tc.status, s.send(http.MethodGet, "/api/v1/agent/bundle", "", header).status)
		})
	}
}

// change changes the agent in the store and tells the API so, as another server's word would.
func (s *server) change(how func(*crontopus.Agent)) {
	a := s.store.agents[agentID]
	how(&a)
	s.store.agents[agentID] = a
	s.api.Published(a.Tenant, []string{agentID})
}
