package syncer_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	stop   func() // the syncer; it can be started again

	stopPress func() // the publisher, where there is one
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
	h.stop = running(t, s.Run)
}

// running runs what returns nil when it is stopped, which it is by then with the test.
func running(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
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
	h.request(t, id)
	h.until(t, func() bool { return h.finished > before && h.sources[id].RequestedAt == nil })
	return h.status(id)
}

// request asks for a sync and does not wait.
func (h *house) request(t testing.TB, id string) {
	t.Helper()
	require.NoError(t, h.SystemRequestSync(t.Context(), id, crontopus.TriggerWebhook, time.Now()))
	h.syncer.Wake()
}

// poll makes a source due by itself and waits until it was synced.
func (h *house) poll(t testing.TB, id string) {
	t.Helper()
	h.mu.Lock()
	before, now := h.finished, time.Now()
	h.sources[id].Status.NextAttemptAt = &now
	h.mu.Unlock()
	h.syncer.Wake()
	h.until(t, func() bool { return h.finished > before })
}

// remove marks a source as removed and waits until it is gone.
func (h *house) remove(t testing.TB, id string) {
	t.Helper()
	h.mu.Lock()
	now := time.Now()
	h.sources[id].RemovedAt = &now
	h.mu.Unlock()
	h.syncer.Wake()
	h.until(t, func() bool { return h.sources[id] == nil })
}

// approve does what a person does with the plan that is held.
func (h *house) approve(id, plan string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sources[id].Approved = plan
}

func (h *house) clearMarks() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.marks)
}

// mirror is the folder of the first source's mirror.
func (h *house) mirror() string { return filepath.Join(h.opts.DataDir, "mirrors", sourceID) }

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
func ready(s crontopus.SourceStatus) (state, message string) {
	return stateOf(s, crontopus.ConditionReady)
}

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

// recorder keeps what is logged.
type recorder struct {
	mu      sync.Mutex
	records []map[string]any
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }

func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	attributes := map[string]any{"msg": record.Message}
	record.Attrs(func(a slog.Attr) bool { attributes[a.Key] = a.Value.Any(); return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, attributes)
	return nil
}

// stage is what the newest line of a sync's stage says.
func (r *recorder) stage(t testing.TB, name string) map[string]any {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range slices.Backward(r.records) {
		if record["stage"] == name {
			return record
		}
	}
	require.FailNow(t, "no stage "+name)
	return nil
}

// text is all that was logged.
func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.records)
}
