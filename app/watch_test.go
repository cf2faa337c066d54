package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/logs"
)

// read returns what is at an address.
func read(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestMetricsOfAServerAtWork(t *testing.T) {
	o := options(t)
	o.MetricsListen = "127.0.0.1:0"
	a := open(t, o)
	run(t, a)
	withJob(t, admin(t, a, o))

	status, text := read(t, a.MetricsURL())
	require.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`crontopus_build_info{go_version="go`,
		`crontopus_http_requests_total{method="POST",route="/api/v1/sources",status="2xx"} 1`,
		`crontopus_syncs_total{reason="Synced"} 1`,
		`crontopus_sync_stage_duration_seconds_count{stage="fetch"} 1`,
		`crontopus_sync_stage_duration_seconds_count{stage="commit"} 1`,
		`crontopus_queue_depth{queue="marked_agents"} 0`,
		`crontopus_database_connections_limit{pool="writer"} 1`,
		`crontopus_agents_waiting 0`,
		`crontopus_agents{state="never_seen"} `,
		`crontopus_incidents_open{kind="agentOffline"} 0`,
		`crontopus_queue_depth{queue="notifications"} 0`,
	} {
		require.Contains(t, text, "\n"+line)
	}
	status, _ = read(t, a.URL()+"/metrics")
	require.Equal(t, http.StatusNotFound, status, "the API does not show what belongs to all tenants together")
}

func TestMetricsAreShownNowhereUnlessAskedFor(t *testing.T) {
	a := open(t, options(t))
	run(t, a)
	require.Empty(t, a.MetricsURL())
}

// pen collects a log.
type pen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pen) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func TestEveryLineOfASyncHasItsID(t *testing.T) {
	var p pen
	log, err := logs.New(&p, logs.Options{Format: logs.FormatJSON, Level: logs.LevelDebug})
	require.NoError(t, err)
	o := options(t)
	a, err := app.New(t.Context(), o, "v1", log)
	require.NoError(t, err)
	stop := run(t, a)
	withJob(t, admin(t, a, o))
	require.NoError(t, stop())

	stages := map[string][]string{} // of each sync
	for line := range strings.Lines(p.text.String()) {
		var l struct{ Msg, Sync, Stage string }
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		if strings.HasPrefix(l.Msg, "sync ") {
			require.NotEmpty(t, l.Sync, line)
			stages[l.Sync] = append(stages[l.Sync], l.Stage)
		}
	}
	require.NotEmpty(t, stages)
	for id, passed := range stages {
		require.Contains(t, passed, "fetch", id)
		require.Contains(t, passed, "", "%s: that it finished", id)
	}
}
