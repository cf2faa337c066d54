package app_test

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// ward is a server whose database has accidents, and who depends on it.
type ward struct {
	url, metrics, key string
	ours              bool // it is a part of this process, whose goroutines can be counted

	admin, agent *client.Client
	repo         *gittest.Repo
	pushes       int
}

// accident is something that happens to a database.
type accident struct {
	begin, end func(t *testing.T)
	mild       bool // check-ins may go on being taken
	ready      bool // what little is written goes on, so the server is ready
}

// newWard starts a server in this process.
func newWard(t *testing.T, o app.Options) *ward {
	t.Helper()
	o.MetricsListen = "127.0.0.1:0"
	a := open(t, o)
	run(t, a)
	w := &ward{url: a.URL(), metrics: a.MetricsURL(), key: adminKey(t, o), ours: true}
	w.furnish(t)
	return w
}

// furnish gives a server a source and an agent.
func (w *ward) furnish(t *testing.T) {
	t.Helper()
	var err error
	w.admin, err = client.New(w.url, client.WithAPIKey(w.key))
	require.NoError(t, err)
	w.repo = gittest.NewRepo(t)
	w.repo.Commit(t, "a job", map[string]string{"hello.yaml": helloJob})
	_, err = w.admin.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: w.repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	w.agent = w.enroll(t)
	w.push(t)
	w.published(t)
}

func (w *ward) enroll(t *testing.T) *client.Client {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	made, err := w.admin.CreateEnrollmentToken(t.Context(), wire.TokenInput{Name: "db-01"})
	require.NoError(t, err)
	secret, _, _ := strings.Cut(made.Printed, ".")
	anybody, err := client.New(w.url)
	require.NoError(t, err)
	id, err := anybody.Enroll(t.Context(), key, wire.Enroll{Token: secret})
	require.NoError(t, err)
	agent, err := client.New(w.url, client.WithAgent(id.AgentID, id.InstallationID, key))
	require.NoError(t, err)
	return agent
}

// push commits another job, and asks for a sync, which may find the database away.
func (w *ward) push(t *testing.T) {
	t.Helper()
	w.pushes++
	w.repo.Commit(t, "another job", map[string]string{"more.yaml": strings.ReplaceAll(helloJob, "hello", w.job())})
}

func (w *ward) job() string { return "job-" + string(rune('a'-1+w.pushes)) }

// published waits until the agent has been given the job that was pushed last.
func (w *ward) published(t *testing.T) {
	t.Helper()
	_ = w.admin.SyncSource(t.Context(), "fleet") // polling would find it in a minute
	until(t, w.job()+" is in the agent's bundle", func() bool {
		raw, _, _, err := w.agent.Bundle(t.Context(), "", 0, time.Time{})
		if err != nil {
			return false
		}
		jobs, err := w.admin.AgentJobs(t.Context(), "db-01")
		if err != nil || len(raw) == 0 {
			return false
		}
		for _, job := range jobs.Items {
			if job.Job.Metadata.Name == w.job() {
				return true
			}
		}
		return false
	})
}

// survives lets an accident happen under load. Whatever was acknowledged is kept, whoever
// was not is told to come back, and afterwards everything goes on by itself.
func (w *ward) survives(t *testing.T, what accident) {
	t.Helper()
	before := goroutines()
	l := startLoad(w.url, w.key, w.agent)
	defer l.cancel()
	l.goesOn(t)
	end := sync.OnceFunc(func() { what.end(t) })
	defer end() // whatever else fails: the next accident expects it
	what.begin(t)
	w.push(t)
	if what.mild {
		l.goesOn(t)
	} else {
		until(t, "check-ins are sent away", func() bool { _, refused := l.counted(); return refused >= hosts })
		if !what.ready {
			until(t, "the server is not ready", func() bool { return w.status(t, "/readyz") == http.StatusServiceUnavailable })
		}
		require.Equal(t, http.StatusOK, w.status(t, "/healthz"))
	}
	end()
	mended := time.Now()
	l.goesOn(t)
	until(t, "the server is ready", func() bool { return w.status(t, "/readyz") == http.StatusOK })
	recovered := time.Since(mended)
	w.published(t)
	l.end(t)
	l.requireKept(t, w.admin)
	w.requireNoLeak(t, before)
	require.Less(t, l.slowest, 20*time.Second)
	acknowledged, refused := l.counted()
	t.Logf("%d check-ins acknowledged and kept, %d answers 503, the slowest after %s; taken again %s after the end",
		acknowledged, refused, l.slowest.Round(time.Millisecond), recovered.Round(time.Millisecond))
}

// status asks once; the client of the API would try again after a 503.
func (w *ward) status(t *testing.T, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
