package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/internal/token"
)

// followed is a stream that a test reads.
type followed struct {
	t     *testing.T
	lines *bufio.Scanner
	last  string // id of the last event or comment
	end   func()
}

// follow begins a stream, and returns once it is there.
func (s *server) follow(query string, headers ...string) *followed {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/runs/tail"+query, nil)
	require.NoError(s.t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(s.t, http.StatusOK, resp.StatusCode)
	require.Equal(s.t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.Equal(s.t, "no-store", resp.Header.Get("Cache-Control"))
	f := &followed{s.t, bufio.NewScanner(resp.Body), "", cancel}
	require.True(s.t, f.lines.Scan(), "a comment comes at once")
	f.last = strings.TrimPrefix(f.lines.Text(), "id: ")
	return f
}

// next returns the next run, and false where the stream ends before.
func (f *followed) next() (run crontopus.Run, ok bool) {
	f.t.Helper()
	for f.lines.Scan() {
		field, value, _ := strings.Cut(f.lines.Text(), ": ")
		switch field {
		case "id":
			f.last = value
		case "data":
			require.NoError(f.t, json.Unmarshal([]byte(value), &run))
			return run, true
		}
	}
	return run, false
}

// states reads n runs as "id state".
func (f *followed) states(n int) (list []string) {
	f.t.Helper()
	for range n {
		run, ok := f.next()
		require.True(f.t, ok)
		list = append(list, run.ID+" "+string(run.State))
	}
	return list
}

func TestWhoFollowsSeesEachChangeOfARunOnce(t *testing.T) {
	s := newServer(t)
	f := s.follow("", s.bearer(crontopus.RoleViewer))
	at := time.Now()
	s.ran("a", crontopus.RunRunning, at)
	require.Equal(t, []string{"a running"}, f.states(1))
	s.api.RunChanged(crontopus.DefaultTenant, "a") // as it was
	s.api.RunChanged(crontopus.DefaultTenant, "nothing")
	s.ran("b", crontopus.RunRunning, at)
	require.Equal(t, []string{"b running"}, f.states(1))
	s.ran("a", crontopus.RunSucceeded, at)
	require.Equal(t, []string{"a succeeded"}, f.states(1))
	s.ran("c", crontopus.RunFailed, at.Add(-time.Hour)) // late
	require.Equal(t, []string{"c failed"}, f.states(1))
}

func TestWhoFollowsSomeRunsSeesNoOthers(t *testing.T) {
	s := newServer(t)
	at := time.Now()
	for _, query := range []string{"?state=failed", "?state=failed&job=production/nightly-backup", "?state=failed&namespace=production", "?state=failed&agent=db-01"} {
		f := s.follow(query, s.bearer(crontopus.RoleViewer))
		s.ran("a"+query, crontopus.RunSucceeded, at)
		s.ran("b"+query, crontopus.RunFailed, at)
		require.Equal(t, []string{"b" + query + " failed"}, f.states(1))
		f.end()
	}
	for _, query := range []string{"?job=production/other", "?namespace=other", "?agent=db-02"} {
		f := s.follow(query, s.bearer(crontopus.RoleViewer))
		s.ran("c"+query, crontopus.RunFailed, at)
		s.store.change(func() {
			s.store.runs["z"] = crontopus.Run{ID: "z", Job: crontopus.JobName{Namespace: "other", Name: "x"}, Agent: "db-02", State: crontopus.RunFailed}
			if query == "?job=production/other" {
				s.store.runs["z"] = crontopus.Run{ID: "z", Job: crontopus.JobName{Namespace: "production", Name: "other"}, State: crontopus.RunFailed}
			}
		})
		s.api.RunChanged(crontopus.DefaultTenant, "z")
		require.Equal(t, []string{"z failed"}, f.states(1), query)
		f.end()
	}
	for query, want := range map[string]int{"?state=nonsense": 400, "?job=No!": 400, "?since=yesterday": 400} {
		require.Equal(t, want, s.send(http.MethodGet, "/api/v1/runs/tail"+query, "", s.bearer(crontopus.RoleViewer)).status, query)
	}
}

func TestAStreamGoesOnAfterTheLastEvent(t *testing.T) {
	s := newServer(t)
	at := time.Now()
	s.ran("old", crontopus.RunSucceeded, at.Add(-time.Hour))
	f := s.follow("", s.bearer(crontopus.RoleViewer))
	s.ran("a", crontopus.RunRunning, at)
	f.states(1)
	f.end()
	s.ran("b", crontopus.RunRunning, at.Add(time.Second)) // nobody listens
	f = s.follow("", s.bearer(crontopus.RoleViewer), "Last-Event-ID: "+f.last)
	require.Equal(t, []string{"a running", "b running"}, f.states(2), "and what was just before")
	f = s.follow("?since="+at.Add(time.Second/2).UTC().Format(time.RFC3339Nano), s.bearer(crontopus.RoleViewer))
	require.Equal(t, []string{"b running"}, f.states(1))
	r := s.send(http.MethodGet, "/api/v1/runs/tail", "", s.bearer(crontopus.RoleViewer), "Last-Event-ID: of another kind")
	require.Equal(t, 400, r.status)
	require.Contains(t, r.problem(t).Detail, "Last-Event-ID")
}

func TestWhatNobodyCouldNameIsLookedFor(t *testing.T) {
	s := newServer(t)
	f := s.follow("", s.bearer(crontopus.RoleViewer))
	at := time.Now().Add(time.Second)
	s.store.change(func() {
		s.store.runs["a"] = crontopus.Run{ID: "a", Job: backup, State: crontopus.RunFailed, Started: &at}
	})
	s.api.RunsChanged("other", nil)
	s.api.RunsChanged("", nil)
	require.Equal(t, []string{"a failed"}, f.states(1))
	s.store.change(func() {
		s.store.runs["b"] = crontopus.Run{ID: "b", Job: backup, State: crontopus.RunFailed, Started: &at}
	})
	ids := make([]string, 6000)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	s.api.RunsChanged(crontopus.DefaultTenant, ids)
	require.Equal(t, []string{"b failed"}, f.states(1), "more than are kept")
}

func TestAStrangerFollowsItsOwnRunsOnly(t *testing.T) {
	s := newServer(t)
	secret := token.New(token.APIKey)
	f := s.follow("?since=2020-01-01T00:00:00Z", s.stranger(secret, token.Hash(secret)))
	s.ran("a", crontopus.RunFailed, time.Now())
	s.api.RunChanged("other", "a") // also by its id
	s.api.RunsChanged("", nil)
	s.api.EndTails()
	_, any := f.next()
	require.False(t, any)
	require.Equal(t, []crontopus.TenantID{"other"}, s.store.follows)
}

func TestOnlySoManyFollowATenant(t *testing.T) {
	s := newServer(t)
	var all []*followed
	for range 20 {
		all = append(all, s.follow("", s.bearer(crontopus.RoleViewer)))
	}
	r := s.send(http.MethodGet, "/api/v1/runs/tail", "", s.bearer(crontopus.RoleViewer))
	require.Equal(t, http.StatusTooManyRequests, r.status)
	secret := token.New(token.APIKey)
	s.follow("", s.stranger(secret, token.Hash(secret)))
	all[0].end()
	require.Eventually(t, func() bool { return s.api.Tails() == 20 }, 10*time.Second, time.Millisecond)
	s.follow("", s.bearer(crontopus.RoleViewer))
}

func TestStreamsEndWhenTheServerDrains(t *testing.T) {
	s := newServer(t)
	f := s.follow("", s.bearer(crontopus.RoleViewer))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s.api.Drain(ctx)
	require.NoError(t, ctx.Err(), "it waited for the stream")
	_, any := f.next()
	require.False(t, any)
	require.Equal(t, 503, s.send(http.MethodGet, "/api/v1/runs/tail", "", s.bearer(crontopus.RoleViewer)).status)
}

func TestAStreamEndsWhenTheDatabaseIsAway(t *testing.T) {
	s := newServer(t)
	f := s.follow("", s.bearer(crontopus.RoleViewer))
	s.store.change(func() { s.store.fail = crontopus.Errorf(crontopus.CodeUnavailable, "the database is away") })
	s.api.RunChanged(crontopus.DefaultTenant, "a")
	_, any := f.next()
	require.False(t, any)
	require.Equal(t, 503, s.send(http.MethodGet, "/api/v1/runs/tail", "", s.bearer(crontopus.RoleViewer)).status)
}

// paper is a ResponseWriter that may be read while it is written.
type paper struct {
	*httptest.ResponseRecorder
	mu sync.Mutex
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ResponseRecorder.Write(b)
}

func (p *paper) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.Body.String(), what)
}

func TestAQuietStreamIsKeptAliveAndEndsAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, secret := newFakeStore(), token.New(token.APIKey)
		store.keys[token.Hash(secret)] = crontopus.APIKey{ID: "k", Tenant: crontopus.DefaultTenant, Role: crontopus.RoleViewer}
		a, err := api.New(api.Options{Store: store, Log: slog.New(slog.DiscardHandler), Installation: crontopus.Installation{ID: installationID},
			Keys: api.Keys{Set: crontopus.KeySet{Keys: []crontopus.Key{{ID: "k"}}}}})
		require.NoError(t, err)
		page := &paper{ResponseRecorder: httptest.NewRecorder()}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/runs/tail", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+secret)
		began, done := time.Now(), make(chan struct{})
		go func() {
			defer close(done)
			a.ServeHTTP(page, req)
		}()
		for beats := range 4 {
			synctest.Wait()
			require.Equal(t, 1+beats, page.count("\n:\n"))
			time.Sleep(15 * time.Second)
		}
		<-done
		require.Equal(t, 10*time.Minute, time.Since(began))
		require.InDelta(t, 40, page.count("\n:\n"), 1)
		require.InDelta(t, 40, len(store.follows), 1, "and other servers are asked to go on telling")
	})
}
