package api_test

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/token"
)

// asked counts what the store is asked while a credential is sent three times.
func (s *server) asked(credentials ...string) int {
	before := s.lookups()
	for range 3 {
		for _, c := range credentials {
			r := s.send(http.MethodGet, "/api/v1/whoami", "", "Authorization: Bearer "+c)
			require.Equal(s.t, http.StatusUnauthorized, r.status, "%s", r.body)
		}
	}
	return s.lookups() - before
}

func TestABadCredentialIsLookedUpOnceASecond(t *testing.T) {
	s := newServer(t)
	clock := time.Now()
	s.now = func() time.Time { return clock }
	_, stranger, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	inTheNameOf := func(id string) map[string]any { return map[string]any{"sub": id, "iss": id} }
	var fakes []string // all different, in the name of one agent
	for i := range 5 {
		fakes = append(fakes, signToken(stranger, `{"alg":"EdDSA"}`, clock.Add(time.Duration(-i)*time.Second), nil))
	}
	for name, c := range map[string]struct {
		credentials []string
		want        int
	}{
		"a key that nobody has":               {[]string{token.New(token.APIKey)}, 1},
		"two of them":                         {[]string{token.New(token.APIKey), token.New(token.APIKey)}, 2},
		"a key that is not even well formed":  {[]string{"ctk_" + strings.Repeat("0", 49)}, 0},
		"an agent that there is not":          {[]string{s.agentToken(clock, inTheNameOf(otherID))}, 1},
		"an agent that there cannot be":       {[]string{s.agentToken(clock, inTheNameOf(strings.Repeat("n", 1000)))}, 0},
		"an agent whose id is no text":        {[]string{s.agentToken(clock, inTheNameOf(agentID[:35]+"\x00"))}, 0},
		"signatures in the name of one agent": {fakes, 2}, // once to know it, once because its key might be another by now
	} {
		clock = clock.Add(time.Minute)
		require.Equal(t, c.want, s.asked(c.credentials...), name)
		clock = clock.Add(time.Second)
		require.LessOrEqual(t, s.asked(c.credentials...), c.want, "%s: a second later", name)
		clock = clock.Add(-time.Hour)
		require.LessOrEqual(t, s.asked(c.credentials...), c.want, "%s: the clock was set back", name)
	}
}

func TestAKeyThatWasAskedForTooEarlyWorksASecondLater(t *testing.T) {
	s := newServer(t)
	clock := time.Now()
	s.now = func() time.Time { return clock }
	early := token.New(token.APIKey)
	require.Equal(t, 1, s.asked(early))
	s.store.change(func() {
		s.store.keys[token.Hash(early)] = crontopus.APIKey{ID: "early", Tenant: crontopus.DefaultTenant, Role: crontopus.RoleViewer}
	})
	clock = clock.Add(time.Second)
	require.Equal(t, http.StatusOK, s.send(http.MethodGet, "/api/v1/whoami", "", "Authorization: Bearer "+early).status)
}

func TestAFloodOfUnknownKeysLeavesTheDatabaseToOthers(t *testing.T) {
	const flood, atOnce = 40, 8
	s := newServer(t)
	held, free := make(chan struct{}, flood), make(chan struct{})
	s.store.keyLookup = func(context.Context) { held <- struct{}{}; <-free }
	answers := make(chan int, flood)
	for range flood {
		go func() {
			req, _ := http.NewRequest(http.MethodGet, s.URL+"/api/v1/whoami", http.NoBody)
			req.Header.Set("Authorization", "Bearer "+token.New(token.APIKey))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				answers <- 0
				return
			}
			resp.Body.Close()
			answers <- resp.StatusCode
		}()
	}
	for range atOnce {
		<-held
	}
	require.Empty(t, held, "more at once")
	close(free)
	for range flood {
		require.Equal(t, http.StatusUnauthorized, <-answers)
	}
}
