package slack_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/alert/notify/slack"
	"crontopus.dev/crontopus/internal/netguard"
)

// breaks returns which of Slack's documented rules a payload breaks.
func breaks(data []byte) string {
	var p slack.Payload
	switch err := json.Unmarshal(data, &p); {
	case err != nil:
		return "invalid_payload"
	case p.Text == "" || len(p.Blocks) == 0 || len(p.Blocks) > 50:
		return "no_text"
	}
	for _, b := range p.Blocks {
		texts := append(append([]slack.Text{}, b.Fields...), b.Elements...)
		most := 2000
		if b.Text != nil {
			texts, most = append(texts, *b.Text), map[string]int{"header": 150, "section": 3000}[b.Type]
		}
		if len(b.Fields) > 10 || len(texts) == 0 {
			return "invalid_blocks"
		}
		for _, t := range texts {
			if t.Text == "" || utf8.RuneCountInString(t.Text) > most {
				return "invalid_blocks_format"
			}
		}
	}
	return ""
}

func message(output string) notify.Message {
	i := crontopus.Incident{ID: "i1", Kind: crontopus.AlertFailed, Severity: crontopus.ErrorAlert,
		Subject: crontopus.Subject{Job: crontopus.JobName{Namespace: "production", Name: "backup"}, Agent: "db-01"},
		Cause: crontopus.Cause{Sentence: "backup failed on db-01: it ended with 1 <!channel> & more", Evidence: []crontopus.Evidence{
			{What: "exit code", Says: "1"}, {What: "commit", Says: "a|b", Link: "https://git.example.com/c?a=1&b=<2>|x"}, {What: "output", Says: output}}}}
	return notify.Render(&crontopus.Delivery{Notification: crontopus.Notification{ID: "n1", What: crontopus.NotifyOpened},
		Incident: &i, Link: "https://cron.example.com/incidents/i1"})
}

func TestWhateverAJobWritesSlackTakesIt(t *testing.T) {
	for name, output := range map[string]string{
		"nothing": "", "a line": "no space left", "a code block": "```\n<!here>\n```", "too much": strings.Repeat("<&>\n", 9000),
		"no text": "\x00\xff\x1b[31m\u202e", "wide": strings.Repeat("漢", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			m := message(output)
			data, err := json.Marshal(slack.Write(&m))
			require.NoError(t, err)
			require.Empty(t, breaks(data))
			require.NotContains(t, string(data), `\u003c!`, "nobody is mentioned by what a host says")
			require.NotContains(t, string(data), `\u0000`)
		})
	}
}

func TestMessageSaysWhatMatters(t *testing.T) {
	m := message("no space left")
	p := slack.Write(&m)
	require.Equal(t, "🔴 Failed: production/backup on db-01", p.Blocks[0].Text.Text)
	require.Equal(t, "backup failed on db-01: it ended with 1 &lt;!channel&gt; &amp; more", p.Blocks[1].Text.Text)
	require.Equal(t, "*commit*\n<https://git.example.com/c?a=1&amp;b=%3C2%3E%7Cx|a¦b>", p.Blocks[2].Fields[2].Text)
	require.Equal(t, "```no space left```", p.Blocks[3].Text.Text)
	require.Equal(t, "<https://cron.example.com/incidents/i1|Look at it in Crontopus>", p.Blocks[4].Elements[0].Text)
}

func TestWhatSlackAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status        int
		answer        string
		ok, permanent bool
		retryAfter    time.Duration
	}{
		"ok":           {200, "ok", true, false, 0},
		"bad payload":  {400, "invalid_payload", false, true, 0},
		"forbidden":    {403, "invalid_token", false, true, 0},
		"no webhook":   {404, "no_service", false, true, 0},
		"archived":     {410, "channel_is_archived", false, true, 0},
		"too many":     {429, "rate_limited", false, false, 30 * time.Second},
		"slack's down": {500, "rollup_error", false, false, 0},
		"elsewhere":    {302, "", false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				data, _ := io.ReadAll(r.Body)
				if why := breaks(data); why != "" {
					http.Error(w, why, http.StatusTeapot)
					return
				}
				if c.status == http.StatusTooManyRequests {
					w.Header().Set("Retry-After", "30")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			guard := netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
			m := message("x")
			o := slack.Send(t.Context(), notify.NewClient(guard), &crontopus.Delivery{
				Channel: crontopus.NotificationChannel{Spec: crontopus.ChannelSpec{Slack: &crontopus.SlackChannel{URL: "secret:slack"}}},
				Secrets: map[string]string{"secret:slack": server.URL + "/services/T0/B0/XYZ\n"}}, &m)
			require.Equal(t, c.ok, o.OK, o.Answer)
			require.Equal(t, c.permanent, o.Permanent, o.Answer)
			require.Equal(t, c.retryAfter, o.RetryAfter)
			require.Contains(t, o.Answer, c.answer)
		})
	}
}
