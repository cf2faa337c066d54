package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

const installationID = "0b9f7c2e-8d1a-4c65-9a3f-1e2d3c4b5a69"

var backup = crontopus.JobName{Namespace: "production", Name: "nightly-backup"}

// server is an API that listens, on a fake store with a job, a source, an agent and a key
// of each role.
type server struct {
	*httptest.Server
	t        *testing.T
	api      *api.API
	store    *fakeStore
	log      *logged
	keys     map[crontopus.Role]string
	agentKey ed25519.PrivateKey
	signing  wire.Key
	syncs    atomic.Int64 // how often the syncer was woken
	now      func() time.Time
	seen     *observer
	traced   *tracer
}

const agentID = "01930000-0000-7000-8000-000000000001"

func newServer(t *testing.T) *server {
	s := &server{t: t, store: newFakeStore(), log: &logged{}, keys: map[crontopus.Role]string{}, now: time.Now, seen: &observer{}, traced: &tracer{}}
	for _, role := range []crontopus.Role{crontopus.RoleViewer, crontopus.RoleOperator, crontopus.RoleAdmin} {
		secret := token.New(token.APIKey)
		s.keys[role] = secret
		s.store.keys[token.Hash(secret)] = crontopus.APIKey{ID: "key-" + string(role), Tenant: crontopus.DefaultTenant, Name: "the " + string(role), Role: role}
	}
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s.agentKey = private
	s.store.agents[agentID] = crontopus.Agent{ID: agentID, Tenant: crontopus.DefaultTenant, Name: "db-01", PublicKey: public}
	job := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob,
		Metadata: crontopus.Metadata{Name: backup.Name, Namespace: backup.Namespace},
		Spec:     crontopus.JobSpec{Schedule: crontopus.Schedules{"30 2 * * *"}, Target: crontopus.Target{All: true}, Run: crontopus.RunSpec{Command: []string{"true"}}}}
	job.SetDefaults()
	s.store.jobs = []crontopus.DesiredJob{{Job: job, Digest: job.Digest(), SourceID: "src-1", Path: "jobs.yaml", Line: 1}}
	s.store.allowed[agentID] = []crontopus.JobName{backup}
	s.store.sources["src-1"] = crontopus.Source{ID: "src-1", Tenant: crontopus.DefaultTenant, Name: "ops", Branch: "main"}
	s.store.secrets["src-1"] = crontopus.SourceSecrets{WebhookSecret: "s3cret"}
	s.store.syncs["sync-1"] = crontopus.Sync{ID: "sync-1", Source: "ops", Reason: crontopus.ReasonSynced}

	signing, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	sum := sha256.Sum256(signing)
	s.signing = wire.Key{ID: hex.EncodeToString(sum[:]), Public: signing}
	s.api, err = api.New(api.Options{
		Store: s.store, Now: func() time.Time { return s.now() }, Log: slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Installation: crontopus.Installation{ID: installationID, Epoch: 1},
		Keys: api.Keys{
			Set:          crontopus.KeySet{Version: crontopus.KeySetVersion{Sequence: 3}, Keys: []wire.Key{s.signing}, RecoveryKey: s.signing},
			Fingerprints: []string{"of-a-key-before", s.signing.ID},
			Statements:   [][]byte{[]byte("first"), []byte("second")},
		},
		PublicURL: "https://cron.example.com/", Observer: s.seen, Tracer: s.traced, TestChannel: s.store.testChannel, WakeSyncer: func() { s.syncs.Add(1) },
		CheckSourceURL: func(url string) error {
			if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "ssh://") {
				return nil
			}
			return crontopus.Errorf(crontopus.CodeForbidden, "%s is not allowed", url).WithHint("use https")
		},
	})
	require.NoError(t, err)
	s.Server = httptest.NewServer(s.api)
	t.Cleanup(s.Close)
	return s
}

// run runs the API's background part until the test ends or stop is called.
func (s *server) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.api.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-done)
	})
	s.t.Cleanup(stop)
	return stop
}

func (s *server) as(role crontopus.Role) *client.Client {
	c, err := client.New(s.URL, client.WithAPIKey(s.keys[role]))
	require.NoError(s.t, err)
	return c
}

func (s *server) asAgent() *client.Client {
	c, err := client.New(s.URL, client.WithAgent(agentID, installationID, s.agentKey))
	require.NoError(s.t, err)
	return c
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) problem(t *testing.T) wire.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", r.header.Get("Content-Type"), "%s", r.body)
	var p wire.Problem
	require.NoError(t, json.Unmarshal(r.body, &p), "%s", r.body)
	require.Equal(t, r.status, p.Status)
	require.NotEmpty(t, p.Code)
	require.NotEmpty(t, p.Detail)
	require.Equal(t, r.header.Get(wire.HeaderRequestID), p.RequestID)
	return p
}

// send makes a request with headers given as "Name: value".
func (s *server) send(method, path, body string, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, bytes.NewReader([]byte(body)))
	require.NoError(s.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	return s.do(req)
}

func (s *server) do(req *http.Request) reply {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return reply{resp.StatusCode, resp.Header, raw}
}

func (s *server) bearer(role crontopus.Role) string { return "Authorization: Bearer " + s.keys[role] }

// logged collects what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
