package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app/metrics"
	"crontopus.dev/crontopus/store"
)

// busy returns the metrics of a server that has done something of everything.
func busy() *metrics.Metrics {
	m := metrics.New("v1.2.3")
	m.Request(http.MethodGet, "/api/v1/agents/{name}", 200, 3*time.Millisecond)
	m.Request(http.MethodGet, "/api/v1/agent/bundle", 0, time.Second)
	m.CheckIn(crontopus.EventSuccess, "recorded")
	m.Request(http.MethodPost, "/api/v1/agent/check-ins", 503, time.Millisecond)
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m.Synced(crontopus.Sync{Reason: crontopus.ReasonSynced, Started: begin, Stages: []crontopus.SyncStage{
		{Name: "fetch", At: begin.Add(time.Second)}, {Name: "commit", At: begin.Add(-time.Hour)}, // the clock was set back
	}})
	m.Published(3, 20*time.Millisecond)
	m.Looked(2, time.Second)
	m.IncidentOpened(crontopus.AlertMissed)
	m.Detected(crontopus.AlertMissed, 3*time.Second)
	m.Attempted(crontopus.ChannelSlack, crontopus.NotificationDelivered)
	m.Attempted(crontopus.ChannelEmail, crontopus.NotificationPending)
	m.Attempted("", crontopus.NotificationFailed)
	m.Watch(metrics.Watched{
		Waiting:  func() int { return 42 },
		CheckIns: func() int { return 9 },
		Stats: func() store.Stats {
			return store.Stats{Bytes: 4096, Pools: []store.Pool{{Name: "writer", Most: 1, Open: 1, Waits: 7, WaitedFor: time.Second}}}
		},
		Now: time.Now,
		Tally: func(context.Context) (store.Tally, error) {
			return store.Tally{DueSources: 2, MarkedAgents: 5, DueWatches: 3, DueIncidents: 4, Notifications: 6, TriedAgain: 7,
				Agents: crontopus.AgentCounts{Online: 8, Offline: 1, NeverSeen: 2}, Incidents: map[crontopus.AlertKind]int{crontopus.AlertMissed: 3}}, nil
		},
	})
	return m
}

// page is what Prometheus gets.
func page(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	require.Equal(t, http.StatusOK, answer.Code)
	return answer.Body.String()
}

func TestWhatWasToldIsShown(t *testing.T) {
	text := page(t, busy())
	for _, line := range []string{
		`crontopus_build_info{go_version="go1.`,
		`crontopus_http_requests_total{method="GET",route="/api/v1/agents/{name}",status="2xx"} 1`,
		`crontopus_http_requests_total{method="GET",route="/api/v1/agent/bundle",status="gone"} 1`,
		`crontopus_http_request_duration_seconds_bucket{route="/api/v1/agents/{name}",le="0.005"} 1`,
		`crontopus_check_ins_total{event="success",outcome="recorded"} 1`,
		`crontopus_syncs_total{reason="Synced"} 1`,
		`crontopus_sync_stage_duration_seconds_sum{stage="fetch"} 1`,
		`crontopus_sync_stage_duration_seconds_sum{stage="commit"} 0`,
		`crontopus_bundles_published_total 3`,
		`crontopus_agents_waiting 42`,
		`crontopus_queue_depth{queue="check_ins"} 9`,
		`crontopus_queue_depth{queue="due_sources"} 2`,
		`crontopus_queue_depth{queue="marked_agents"} 5`,
		`crontopus_queue_depth{queue="due_watches"} 3`,
		`crontopus_queue_depth{queue="due_incidents"} 4`,
		`crontopus_queue_depth{queue="notifications"} 6`,
		`crontopus_queue_depth{queue="notifications_later"} 7`,
		`crontopus_agents{state="online"} 8`,
		`crontopus_agents{state="offline"} 1`,
		`crontopus_agents{state="never_seen"} 2`,
		`crontopus_incidents_open{kind="missed"} 3`,
		`crontopus_incidents_open{kind="failed"} 0`,
		`crontopus_detection_lag_seconds_bucket{kind="missed",le="5"} 1`,
		`crontopus_notification_attempts_total{channel="slack",outcome="delivered"} 1`,
		`crontopus_notification_attempts_total{channel="email",outcome="again"} 1`,
		`crontopus_notification_attempts_total{channel="none",outcome="failed"} 1`,
		`crontopus_database_waits_total{pool="writer"} 7`,
		`crontopus_database_size_bytes 4096`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		require.Contains(t, text, "\n"+line)
	}
}

// watching returns metrics of a server that counts by tally, at a time that the test sets.
func watching(tally func() (store.Tally, error)) (m *metrics.Metrics, now *time.Time) {
	m, now = metrics.New("v1"), new(time.Now())
	m.Watch(metrics.Watched{
		Waiting: func() int { return 1 }, CheckIns: func() int { return 0 }, Stats: func() store.Stats { return store.Stats{} },
		Tally: func(context.Context) (store.Tally, error) { return tally() }, Now: func() time.Time { return *now },
	})
	return m, now
}

func TestADatabaseThatIsAwayHidesOnlyWhatIsCountedThere(t *testing.T) {
	m, _ := watching(func() (store.Tally, error) {
		return store.Tally{}, crontopus.Errorf(crontopus.CodeUnavailable, "away")
	})
	text := page(t, m)
	require.Contains(t, text, "crontopus_agents_waiting 1")
	require.NotContains(t, text, `queue="due_sources"`)
	require.NotContains(t, text, "crontopus_incidents_open{")
}

func TestHoweverOftenThePageIsAskedForTheDatabaseIsAskedEveryFewSeconds(t *testing.T) {
	asked := 0
	m, now := watching(func() (store.Tally, error) {
		asked++
		if asked == 2 {
			return store.Tally{}, crontopus.Errorf(crontopus.CodeUnavailable, "away")
		}
		return store.Tally{Notifications: asked}, nil
	})
	const line = `crontopus_queue_depth{queue="notifications"}`
	for range 3 {
		require.Contains(t, page(t, m), line+" 1\n")
	}
	*now = now.Add(6 * time.Second)
	require.NotContains(t, page(t, m), line, "what was counted a while ago is not told as what is")
	require.Contains(t, page(t, m), line+" 3\n", "a failure is not remembered")
	*now = now.Add(-time.Hour) // the clock was set back
	require.Contains(t, page(t, m), line+" 4\n")
	require.Equal(t, 4, asked)
}

func TestPromtoolAcceptsThePage(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool comes with Debian's package prometheus: make install-deps installs it")
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(page(t, busy()))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

// sample is the first line of a metric's values: its name and labels.
var sample = regexp.MustCompile(`^(crontopus_\w+?)(?:_bucket)?(?:\{(.*)\})? `)

// The table of docs/operations.md is what the server shows.
func TestTheDocumentationListsEveryMetric(t *testing.T) {
	documentation, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	var table strings.Builder
	table.WriteString("| metric | type | labels | what it says |\n|---|---|---|---|\n")
	lines := strings.Split(page(t, busy()), "\n")
	for i, line := range lines {
		name, help, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
		if !strings.HasPrefix(line, "# HELP crontopus_") {
			continue
		}
		kind := strings.TrimPrefix(lines[i+1], "# TYPE "+name+" ")
		parts := sample.FindStringSubmatch(lines[i+2])
		require.NotNil(t, parts, lines[i+2])
		require.Equal(t, name, parts[1])
		var labels []string
		for _, pair := range strings.Split(parts[2], ",") {
			if label, _, ok := strings.Cut(pair, "="); ok && label != "le" {
				labels = append(labels, "`"+label+"`")
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, kind, strings.Join(labels, ", "), help)
	}
	if !strings.Contains(string(documentation), table.String()) { // require.Contains would print the whole page
		t.Errorf("docs/operations.md lacks this table:\n%s", &table)
	}
}
