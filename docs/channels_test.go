package docs_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/alert/notify/email"
	"crontopus.dev/crontopus/alert/notify/pagerduty"
	"crontopus.dev/crontopus/alert/notify/slack"
	"crontopus.dev/crontopus/alert/notify/webhook"
)

const whsec = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// told is the incident that the page on channels tells of, on its way to each of them.
func told() *crontopus.Delivery {
	at := time.Date(2026, 3, 1, 2, 31, 5, 0, time.UTC)
	return &crontopus.Delivery{
		Notification: crontopus.Notification{ID: "019ca6f1-9a0c-7e5d-8f3b-2b1c0d9e8f7a", What: crontopus.NotifyOpened, At: at},
		Link:         "https://cron.example.com/incidents/019ca6f1-8d2b-7c41-b0aa-5e6f7a8b9c0d",
		Secrets:      map[string]string{"secret:shop.hook": whsec},
		Channel: crontopus.NotificationChannel{Metadata: crontopus.Metadata{Namespace: "shop", Name: "mail"}, Spec: crontopus.ChannelSpec{
			Webhook: &crontopus.WebhookChannel{URL: "https://hooks.example.com/crontopus", Secrets: []string{"secret:shop.hook"}},
			Email:   &crontopus.EmailChannel{From: "cron@example.com"}}},
		Incident: &crontopus.Incident{ID: "019ca6f1-8d2b-7c41-b0aa-5e6f7a8b9c0d", Kind: crontopus.AlertFailed, State: crontopus.IncidentOpen, Severity: crontopus.CriticalAlert,
			Subject: crontopus.Subject{Job: crontopus.JobName{Namespace: "shop", Name: "nightly-backup"}, Agent: "db-01"}, OpenedAt: at, ChangedAt: at, Failures: 1,
			Cause: crontopus.Cause{Code: crontopus.CauseExitCode, Sentence: "nightly-backup failed on db-01: it ended with 3", Evidence: []crontopus.Evidence{
				{What: "exit code", Says: "3"}, {What: "output", Says: "no space left on device"}}}}}
}

// posted is what the webhook sends.
type posted struct {
	header http.Header
	body   []byte
}

func (p *posted) RoundTrip(r *http.Request) (*http.Response, error) {
	var err error
	p.header = r.Header
	p.body, err = io.ReadAll(r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
}

func post(t *testing.T) posted {
	t.Helper()
	d, p := told(), &posted{}
	m := notify.Render(d)
	require.True(t, webhook.Send(t.Context(), &http.Client{Transport: p}, d, &m, d.Notification.At).OK)
	return *p
}

func channelBlocks(t *testing.T, language string) (texts []string) {
	t.Helper()
	data, err := os.ReadFile("channels.md")
	require.NoError(t, err)
	for _, b := range (page{"channels.md", string(data)}).blocks() {
		if b.language == language {
			texts = append(texts, b.text)
		}
	}
	return texts
}

// What the page shows of each channel's message is what is sent, in the page's order.
func TestThePageOnChannelsShowsWhatIsSent(t *testing.T) {
	m := notify.Render(told())
	var sent []string
	for _, v := range []any{slack.Write(&m), pagerduty.Write(&m, "R0UT1NGKEY"), json.RawMessage(post(t).body)} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		require.NoError(t, e.Encode(v))
		sent = append(sent, b.String())
	}
	written, err := email.Write(told(), &m, []string{"oncall@example.com"})
	require.NoError(t, err)
	parts := written.GetParts()
	require.NotEmpty(t, parts)
	text, err := parts[0].GetContent()
	require.NoError(t, err)
	shown, mail := channelBlocks(t, "json"), channelBlocks(t, "text")
	if *update {
		data, err := os.ReadFile("channels.md")
		require.NoError(t, err)
		page := string(data)
		for i := range shown {
			page = strings.Replace(page, "```json\n"+shown[i]+"```", "```json\n"+sent[i]+"```", 1)
		}
		page = strings.Replace(page, "```text\n"+mail[0]+"```", "```text\n"+strings.ReplaceAll(string(text), "\r", "")+"```", 1)
		require.NoError(t, os.WriteFile("channels.md", []byte(page), 0o644))
		shown, mail = channelBlocks(t, "json"), channelBlocks(t, "text")
	}
	require.Equal(t, sent, shown, "update it with: go test ./docs -run ThePageOnChannels -update")
	require.Equal(t, []string{strings.ReplaceAll(string(text), "\r", "")}, mail)
}

// The receiver that the page shows takes what is sent, and nothing else.
func TestTheReceiverOnThePageVerifies(t *testing.T) {
	blocks := channelBlocks(t, "go")
	require.Len(t, blocks, 1)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module receiver\n\ngo 1.26\n")
	write("receiver.go", blocks[0])
	write("main.go", `package main

import ("fmt"; "io"; "net/http"; "os"; "time")

func main() {
	h := http.Header{}
	h.Set("webhook-id", os.Getenv("ID"))
	h.Set("webhook-timestamp", os.Getenv("STAMP"))
	h.Set("webhook-signature", os.Getenv("SIGNATURE"))
	body, _ := io.ReadAll(os.Stdin)
	now, _ := time.Parse(time.RFC3339, os.Getenv("NOW"))
	if err := verify(os.Getenv("SECRET"), h, body, now); err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("taken")
}
`)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "receiver", ".")
	build.Dir = dir
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := post(t)
	stamp := told().Notification.At
	for name, tc := range map[string]struct {
		secret, id, signature string
		now                   time.Time
		body                  []byte
		want                  string
	}{
		"as it was sent":      {whsec, p.header.Get("Webhook-Id"), p.header.Get("Webhook-Signature"), stamp.Add(time.Minute), p.body, "taken"},
		"while keys change":   {whsec, p.header.Get("Webhook-Id"), "v1,AAAA v2,x " + p.header.Get("Webhook-Signature"), stamp, p.body, "taken"},
		"an hour later":       {whsec, p.header.Get("Webhook-Id"), p.header.Get("Webhook-Signature"), stamp.Add(time.Hour), p.body, "refused"},
		"another body":        {whsec, p.header.Get("Webhook-Id"), p.header.Get("Webhook-Signature"), stamp, append(bytes.Clone(p.body), ' '), "refused"},
		"another id":          {whsec, "x", p.header.Get("Webhook-Signature"), stamp, p.body, "refused"},
		"no signature":        {whsec, p.header.Get("Webhook-Id"), "", stamp, p.body, "refused"},
		"a stranger's secret": {strings.Replace(whsec, "MDE", "MDF", 1), p.header.Get("Webhook-Id"), p.header.Get("Webhook-Signature"), stamp, p.body, "refused"},
	} {
		receiver := exec.CommandContext(t.Context(), filepath.Join(dir, "receiver"))
		receiver.Env = append(os.Environ(), "SECRET="+tc.secret, "ID="+tc.id, "STAMP="+p.header.Get("Webhook-Timestamp"), "SIGNATURE="+tc.signature, "NOW="+tc.now.Format(time.RFC3339))
		receiver.Stdin = bytes.NewReader(tc.body)
		out, err := receiver.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.True(t, strings.HasPrefix(string(out), tc.want), "%s: %s", name, out)
	}
}
