package syncer_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/syncer"
)

const tenant = crontopus.DefaultTenant

// house is a running syncer on one repository, and what a test asks of it.
type house struct {
	*memStore

	repo   *gittest.Repo
	server *gittest.Server
	syncer *syncer.Syncer
	opts   syncer.Options
}

// sourceID of the one source that a house begins with.
const sourceID = "src-1"

// newHouse makes a repository, its server and a syncer of it, which runs until the test ends.
func newHouse(t testing.TB, change ...func(*house)) *house {
	t.Helper()
	h := &house{memStore: newMemStore(), repo: gittest.NewRepo(t)}
	h.server = h.repo.Serve(t)
	h.opts = syncer.Options{
		DataDir: t.TempDir(), Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		Installation:  crontopus.Installation{ID: "inst", Epoch: 1},
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		FetchCommand:  []string{os.Args[0], "fetch-child"},
		Log:           slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Store:         h.memStore,
	}
	h.addSource(sourceID, h.server.URL, "")
	for _, f := range change {
		f(h)
	}
	h.start(t)
	return h
}

// start runs the syncer until the test ends.
func (h *house) start(t testing.TB) {
	t.Helper()
	s, err := syncer.New(h.opts)
	require.NoError(t, err)
	h.syncer = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// addSource adds a source that is polled once an hour: tests ask for their syncs.
func (h *house) addSource(id, url, path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sources[id] = &crontopus.Source{ID: id, Tenant: tenant, Name: "name-of-" + id, URL: url,
		Branch: gittest.Branch, Path: path, Interval: crontopus.Duration(time.Hour)}
}

// addAgent adds agents with a fixed name and the label role.
func (h *house) addAgent(role string, names ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.agents = append(h.agents, crontopus.Agent{ID: "id-" + name, Tenant: tenant, Name: name, NameFixed: true,
			Labels: map[string]string{"role": role}})
	}
}

// sync asks for a sync of a source and waits until it is stored.
func (h *house) sync(t testing.TB, id string) crontopus.SourceStatus {
	t.Helper()
	h.mu.Lock()
	before := h.finished
	h.mu.Unlock()
	require.NoError(t, h.SystemRequestSync(t.Context(), id, time.Now()))
	h.syncer.Wake()
	h.until(t, func() bool { return h.finished > before && h.sources[id].RequestedAt == nil })
	return h.status(id)
}

// until waits for the store to be as asked; the condition holds the store's lock.
func (h *house) until(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		h.mu.Lock()
		ok, changed := condition(), h.changed
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(t, "waited for a minute")
		}
	}
}

func (h *house) status(id string) crontopus.SourceStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sources[id].Status
}

// lastSync is the newest sync that was kept.
func (h *house) lastSync(t testing.TB) crontopus.Sync {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.NotEmpty(t, h.syncs)
	return h.syncs[len(h.syncs)-1]
}

// jobs are the names that are desired of a source, by file:line.
func (h *house) jobs(id string) map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	jobs := map[string]string{}
	for _, job := range h.states[id].Jobs {
		jobs[job.Job.Name().String()] = fmt.Sprintf("%s:%d", job.Path, job.Line)
	}
	return jobs
}

func (h *house) job(t testing.TB, id, name string) crontopus.DesiredJob {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, job := range h.states[id].Jobs {
		if job.Job.Name().String() == name {
			return job
		}
	}
	require.FailNow(t, "no job "+name)
	return crontopus.DesiredJob{}
}

// ready returns the source's Ready condition as "true Synced" and its message.
func ready(s crontopus.SourceStatus) (state, message string) { return stateOf(s, crontopus.ConditionReady) }

func stateOf(s crontopus.SourceStatus, kind string) (state, message string) {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return fmt.Sprintf("%t %s", c.Status, c.Reason), c.Message
		}
	}
	return "unknown", ""
}

func requireState(t testing.TB, want string, s crontopus.SourceStatus) string {
	t.Helper()
	state, message := ready(s)
	require.Equal(t, want, state, message)
	return message
}

// manifest is a job that runs echo with the given word on agents of the role "all".
func manifest(name, word string) string { return manifestFor(name, word, "{all: true}") }

func manifestFor(name, word, target string) string {
	return strings.NewReplacer("NAME", name, "WORD", word, "TARGET", target).Replace(`apiVersion: crontopus.dev/v1
kind: Job
metadata:
  name: NAME
  namespace: test
spec:
  schedule: "30 2 * * *"
  target: TARGET
  run:
    command: [/bin/echo, WORD]
`)
}
