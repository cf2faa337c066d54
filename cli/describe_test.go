package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func TestAgentState(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	for _, c := range []struct {
		name  string
		agent crontopus.Agent
		want  string
	}{
		{"enrolled, and silent since", crontopus.Agent{}, "never seen"},
		{"polled a minute ago", crontopus.Agent{Status: crontopus.AgentStatus{LastSeenAt: ago(time.Minute)}}, "online"},
		{"silent for longer than any poll", crontopus.Agent{Status: crontopus.AgentStatus{LastSeenAt: ago(4 * time.Minute)}}, "offline"},
		{"paused on the host", crontopus.Agent{Status: crontopus.AgentStatus{LastSeenAt: ago(0), Report: crontopus.AgentReport{Paused: true}}}, "paused"},
		{"revoked, whatever else", crontopus.Agent{RevokedAt: ago(0), Status: crontopus.AgentStatus{LastSeenAt: ago(0)}}, "revoked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, agentState(c.agent, now))
		})
	}
}

func TestClockSaysHowFarTheHostsIsOff(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for ahead, want := range map[time.Duration]string{
		0:                          "as the server's",
		-1200 * time.Millisecond:   "as the server's",
		time.Hour + 3e8:            "1h ahead of the server's; set it by NTP",
		-time.Hour:                 "1h behind the server's; set it by NTP",
		10 * 365 * 24 * time.Hour:  "521w3d ahead of the server's; set it by NTP",
		-10 * 365 * 24 * time.Hour: "521w3d behind the server's; set it by NTP",
	} {
		require.Equal(t, want, clock(crontopus.AgentReport{At: at.Add(ahead), ReceivedAt: at}))
	}
	require.Equal(t, "-", clock(crontopus.AgentReport{At: at}), "it has not reported yet")
}

func TestOutputIsExactForToolsAndHarmlessOnATerminal(t *testing.T) {
	t.Parallel()
	output := []byte("one\x1b]0;owned\a\ttwo\nthree")
	show := func(s style) string {
		var b bytes.Buffer
		require.NoError(t, printOutput(&printer{out: &b, style: s}, output))
		return b.String()
	}
	require.Equal(t, "\nOutput:\none\x1b]0;owned\a\ttwo\nthree\n", show(style{}))
	require.Equal(t, "\nOutput:\none]0;owned\ttwo\nthree\n", show(style{terminal: true}))
}

func TestTookIsAsPreciseAsAPersonReads(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for d, want := range map[time.Duration]string{
		1234567 * time.Nanosecond: "1ms",
		12345 * time.Millisecond:  "12.3s",
		62*time.Second + 400e6:    "1m2s",
	} {
		require.Equal(t, want, took(crontopus.Run{Started: &at, Finished: &at, Duration: crontopus.Duration(d)}))
	}
	require.Equal(t, "-", took(crontopus.Run{Started: &at}))
}

func TestShortRevisionKeepsWhatPeopleRecognise(t *testing.T) {
	t.Parallel()
	require.Equal(t, "main@sha1:0123456789", shortRevision("main@sha1:0123456789abcdef"))
	require.Equal(t, "main@sha1:0123", shortRevision("main@sha1:0123"))
	require.Equal(t, "-", shortRevision(""))
}

func TestSinceIsATimeOrHowLongAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"36h":                  now.Add(-36 * time.Hour),
		"1w":                   now.AddDate(0, 0, -7),
		"2026-11-01T00:00:00Z": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	} {
		got, err := timeFlag("since", text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%q: %s", text, got)
	}
}

func TestTheNextRunsInTheHostsOwnZonesAreToldHostByHost(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 1, 30, 0, 0, time.UTC)
	job := wire.Job{Next: []time.Time{at}, Hosts: []wire.JobHost{
		{Agent: "db-01", Timezone: "UTC", Next: []time.Time{at}}, {Agent: "db-02", Next: []time.Time{}}, {Agent: "db-03", Timezone: "UTC", Next: []time.Time{}},
	}}
	var told table
	describeNext(&told, job)
	require.Equal(t, [][]string{
		{"Next:", "2026-11-24T01:30:00Z on db-01 (UTC)"},
		{"Next:", "unknown on db-02, which has not reported its time zone"},
	}, told.rows)
	require.Equal(t, "2026-11-24T01:30:00Z", nextRun(style{}, job), "the first anywhere stands in the list")

	told = table{}
	job.Hosts = nil
	describeNext(&told, job)
	require.Equal(t, [][]string{{"Next:", "2026-11-24T01:30:00Z"}}, told.rows)
}
