package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/internal/logs"
)

// forge is a repository whose pushes are told to a server by a webhook.
type forge struct {
	*gittest.Repo
	hook string
}

func newForge(t *testing.T, r *running) *forge {
	t.Helper()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "a job", map[string]string{"hello.yaml": helloJob})
	added, err := r.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch,
		Interval: crontopus.Duration(24 * time.Hour), WebhookSecret: stormSecret})
	require.NoError(t, err)
	until(t, "the job is synced", func() bool {
		_, err := r.Job(t.Context(), crontopus.JobName{Namespace: "default", Name: "hello"})
		return err == nil
	})
	return &forge{repo, r.URL + "/hooks/forgejo/" + added.Source.ID}
}

func (f *forge) push(t *testing.T, change map[string]string) {
	t.Helper()
	f.Commit(t, "a change", change)
	body := `{"ref": "refs/heads/` + gittest.Branch + `"}`
	mac := hmac.New(sha256.New, []byte(stormSecret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.hook, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forgejo-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
}

// applies waits as an agent does until its newest bundle has a job that says the word, and reports that it is in force.
func applies(t *testing.T, agent *client.Client, word string) {
	t.Helper()
	a := &fleetAgent{Client: agent, digests: map[crontopus.Generation]string{}}
	for tag := ""; !a.holds(word); {
		raw, newest, changed, err := agent.Bundle(t.Context(), tag, time.Minute, time.Time{})
		require.NoError(t, err)
		if changed {
			tag = newest
			a.took(raw)
		}
	}
	require.Empty(t, a.failures)
	for range 2 { // the second time it is no news
		require.NoError(t, agent.Report(t.Context(), crontopus.AgentReport{At: time.Now(), Version: "1", Scheduler: "builtin", Applied: a.newest.Gen()}))
	}
}

var otherJob = strings.Replace(helloJob, "/bin/true", "/bin/false", 1)

// whole is what a push that reaches one host comes to.
var whole = map[string]string{
	"webhook": "", "sync": "webhook",
	"list": "sync", "fetch": "sync", "decode": "sync", "validate": "sync", "plan": "sync", "commit": "sync",
	"publish": "sync", "bundle": "publish", "apply": "publish",
}

func TestATraceLeadsFromAPushToTheHost(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	var p pen
	log, err := logs.New(&p, logs.Options{Format: logs.FormatJSON, Level: logs.LevelInfo})
	require.NoError(t, err)
	o := options(t)
	o.OTLPEndpoint = c.URL
	a, err := app.New(t.Context(), o, "v1.2.3", log)
	require.NoError(t, err)
	r := &running{Client: admin(t, a, o), URL: a.URL()}
	stop := run(t, a)
	f := newForge(t, r)
	agent := r.enrolls(t, "db-01").Client
	applies(t, agent, "/bin/true")
	f.push(t, map[string]string{"hello.yaml": otherJob})
	applies(t, agent, "/bin/false")
	require.NoError(t, r.SyncSource(t.Context(), "fleet")) // which finds nothing, and is not told of
	until(t, "that sync is over", func() bool {
		list, err := r.Syncs(t.Context(), "fleet", crontopus.Page{})
		require.NoError(t, err)
		return len(list.Items) == 3
	})
	require.NoError(t, stop()) // which tells the last spans

	traces := c.told(t)
	spans := traces["webhook"]
	require.Equal(t, whole, tree(t, spans))
	require.Equal(t, map[string]string{"service.name": "crontopus", "service.version": "v1.2.3"}, c.services)
	for _, s := range spans {
		require.LessOrEqual(t, s.StartTimeUnixNano, s.EndTimeUnixNano, s.Name)
		require.Equal(t, otlp.Status_STATUS_CODE_UNSET, s.Status.GetCode(), s.Name)
	}
	require.Equal(t, otlp.Span_SPAN_KIND_SERVER, named(t, spans, "webhook").Kind)
	said := attributes(named(t, spans, "sync").Attributes, map[string]string{})
	require.Equal(t, "fleet", said["crontopus.source"])
	require.Equal(t, crontopus.TriggerWebhook, said["crontopus.trigger"])
	require.Equal(t, crontopus.ReasonSynced, said["crontopus.reason"])
	require.Equal(t, "db-01", attributes(named(t, spans, "apply").Attributes, map[string]string{})["crontopus.agent"])
	order := []string{"webhook", "sync", "fetch", "commit", "publish", "bundle", "apply"}
	for i := range order[1:] {
		require.LessOrEqual(t, named(t, spans, order[i]).StartTimeUnixNano, named(t, spans, order[i+1]).StartTimeUnixNano, order[i+1])
	}
	require.Contains(t, p.text.String(), `"sync":"`+said["crontopus.sync"]+`","trace":"`+hex.EncodeToString(named(t, spans, "sync").TraceId)+`"`)

	// Nobody pushed for the first sync; what it found was new all the same.
	require.NotContains(t, tree(t, traces["sync"]), "webhook")
	require.Contains(t, tree(t, traces["sync"]), "commit")
	require.Len(t, traces, 2)
}

// One server takes the webhook and answers the agent, another syncs and publishes: between them is the database.
// Were a new source synced twice there, the second sync could be the one to find the push, for nobody.
func TestATraceLeadsOverSeveralServers(t *testing.T) {
	t.Parallel()
	c, s := newCollector(t), newShared(t)
	s.first.OTLPEndpoint, s.first.Roles = c.URL, []string{app.RoleSyncer}
	syncer := open(t, s.first)
	stop := run(t, syncer)
	front := s.options(t, app.RoleAPI)
	front.OTLPEndpoint = c.URL
	s.give(t, front, "box.key", "keyset.json")
	api := s.start(t, front, slog.New(slog.DiscardHandler))
	f := newForge(t, api)
	agent := api.enrolls(t, "db-01").Client
	applies(t, agent, "/bin/true")
	f.push(t, map[string]string{"hello.yaml": otherJob})
	applies(t, agent, "/bin/false")
	api.stop()
	require.NoError(t, stop())
	require.Equal(t, whole, tree(t, c.told(t)["webhook"]))
}

func TestATraceOfARevisionThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	r := start(t, made(t), func(o *app.Options) { o.OTLPEndpoint = c.URL })
	f := newForge(t, r)
	f.push(t, map[string]string{"hello.yaml": "kind: Job\n"})
	until(t, "the revision is refused", func() bool {
		list, err := r.Syncs(t.Context(), "fleet", crontopus.Page{})
		require.NoError(t, err)
		return list.Items[0].Reason == crontopus.ReasonValidationFailed
	})
	r.stop()
	spans := c.told(t)["webhook"]
	require.Equal(t, map[string]string{"webhook": "", "sync": "webhook", "list": "sync", "fetch": "sync", "decode": "sync", "validate": "sync", "commit": "sync"},
		tree(t, spans))
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, named(t, spans, "sync").Status.Code)
	require.Contains(t, named(t, spans, "sync").Status.Message, "problem")
}

// A collector that is away holds nobody up, and the log says that it is.
func TestACollectorThatRefusesSpansChangesNothing(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer away.Close()
	var p pen
	log, err := logs.New(&p, logs.Options{Format: logs.FormatJSON, Level: logs.LevelInfo})
	require.NoError(t, err)
	o := options(t)
	o.OTLPEndpoint = away.URL
	a, err := app.New(t.Context(), o, "v1", log)
	require.NoError(t, err)
	r := &running{Client: admin(t, a, o), URL: a.URL()}
	stop := run(t, a)
	f := newForge(t, r)
	agent := r.enrolls(t, "db-01").Client
	f.push(t, map[string]string{"hello.yaml": otherJob})
	applies(t, agent, "/bin/false")
	require.NoError(t, stop())
	require.Contains(t, p.text.String(), "the collector did not take spans")
}

func TestAnEndpointThatIsNoURL(t *testing.T) {
	for _, endpoint := range []string{"collector:4318", "grpc://collector:4317", "http://", "\x00"} {
		o := options(t)
		o.OTLPEndpoint = endpoint
		message, hint := refused(t, o)
		require.Contains(t, message, "--otlp-endpoint")
		require.Contains(t, hint, "http://HOST:4318")
	}
}
