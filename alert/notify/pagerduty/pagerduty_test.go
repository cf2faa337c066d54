package pagerduty_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/alert/notify/pagerduty"
	"crontopus.dev/crontopus/internal/netguard"
)

// service keeps PagerDuty's documented contract and remembers what is open.
type service struct {
	open    map[string]pagerduty.Event
	actions []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	var e pagerduty.Event
	if err := json.Unmarshal(data, &e); err != nil || len(data) > 512<<10 || len(e.RoutingKey) != 32 || len(e.DedupKey) > 255 {
		http.Error(w, `{"status":"invalid event","message":"Event object is invalid"}`, http.StatusBadRequest)
		return
	}
	s.actions = append(s.actions, e.Action)
	switch e.Action {
	case "trigger":
		p := e.Payload
		if p == nil || p.Summary == "" || utf8.RuneCountInString(p.Summary) > 1024 || p.Source == "" ||
			!slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) {
			http.Error(w, `{"status":"invalid event"}`, http.StatusBadRequest)
			return
		}
		s.open[e.DedupKey] = e
	case "resolve":
		delete(s.open, e.DedupKey)
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"success","message":"Event processed","dedup_key":"`+e.DedupKey+`"}`)
}

func send(t *testing.T, address string, what crontopus.NotificationEvent, incident *crontopus.Incident, key string) notify.Outcome {
	d := &crontopus.Delivery{Notification: crontopus.Notification{ID: "n1", What: what}, Incident: incident,
		Channel: crontopus.NotificationChannel{Metadata: crontopus.Metadata{Namespace: "production", Name: "pager"},
			Spec: crontopus.ChannelSpec{PagerDuty: &crontopus.PagerDutyChannel{RoutingKey: "secret:pd", URL: address}}},
		Secrets: map[string]string{"secret:pd": key}}
	m := notify.Render(d)
	client := notify.NewClient(netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	return pagerduty.Send(t.Context(), client, d, &m)
}

func TestAnIncidentIsOneAlertFromItsBeginningToItsEnd(t *testing.T) {
	s := &service{open: map[string]pagerduty.Event{}}
	server := httptest.NewServer(s)
	defer server.Close()
	i := &crontopus.Incident{ID: "i1", Kind: crontopus.AlertFailed, Severity: crontopus.CriticalAlert,
		Subject: crontopus.Subject{Job: crontopus.JobName{Namespace: "production", Name: "backup"}, Agent: "db-01"},
		Cause: crontopus.Cause{Sentence: strings.Repeat("long ", 1000), Evidence: []crontopus.Evidence{
			{What: "exit code", Says: "1"}, {What: "commit", Says: "c", Link: "https://git.example.com/c"}, {What: "output", Says: strings.Repeat("x", 1<<20)}}}}
	key := strings.Repeat("k", 32)
	for _, what := range []crontopus.NotificationEvent{crontopus.NotifyOpened, crontopus.NotifyOpened, crontopus.NotifyReminder, crontopus.NotifyAcknowledged} {
		require.True(t, send(t, server.URL, what, i, key).OK)
	}
	require.Len(t, s.open, 1)
	e := s.open["i1"]
	require.Equal(t, "critical", e.Payload.Severity)
	require.Equal(t, "production/backup on db-01", e.Payload.Source)
	require.Equal(t, "1", e.Payload.Details["exit code"])
	require.Equal(t, []pagerduty.Link{{Href: "https://git.example.com/c", Text: "commit: c"}}, e.Links)
	require.True(t, send(t, server.URL, crontopus.NotifyResolved, i, key).OK)
	require.Empty(t, s.open)
	require.Equal(t, []string{"trigger", "trigger", "trigger", "acknowledge", "resolve"}, s.actions)
}

func TestATestLeavesNothingOpen(t *testing.T) {
	s := &service{open: map[string]pagerduty.Event{}}
	server := httptest.NewServer(s)
	defer server.Close()
	require.True(t, send(t, server.URL, crontopus.NotifyTest, nil, strings.Repeat("k", 32)).OK)
	require.Equal(t, []string{"trigger", "resolve"}, s.actions)
	require.Empty(t, s.open)
}

func TestARoutingKeyThatIsNoneIsToldAtOnce(t *testing.T) {
	server := httptest.NewServer(&service{})
	defer server.Close()
	o := send(t, server.URL, crontopus.NotifyTest, nil, "hunter2")
	require.True(t, o.Permanent)
	require.Contains(t, o.Answer, "invalid event")
}
