package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/alert/notify/webhook"
	"crontopus.dev/crontopus/internal/netguard"
)

var client = notify.NewClient(netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})

const (
	oldSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	newSecret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
)

func delivery(address string) *crontopus.Delivery {
	return &crontopus.Delivery{
		Notification: crontopus.Notification{ID: "n1", What: crontopus.NotifyOpened},
		Incident:     &crontopus.Incident{ID: "i1", Kind: crontopus.AlertMissed, Cause: crontopus.Cause{Sentence: "it did not start"}},
		Channel: crontopus.NotificationChannel{Spec: crontopus.ChannelSpec{Webhook: &crontopus.WebhookChannel{URL: address,
			Secrets: []string{"secret:new", "secret:old"}}}},
		Secrets: map[string]string{"secret:new": newSecret, "secret:old": oldSecret}}
}

// The vector of the specification's reference implementations.
func TestSignatureIsThatOfStandardWebhooks(t *testing.T) {
	key, err := webhook.Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		webhook.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)))
}

func TestEverySecretSigns(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	d := delivery(server.URL)
	m := notify.Render(d)
	require.True(t, webhook.Send(t.Context(), client, d, &m, now).OK)
	require.Equal(t, "n1", header.Get("webhook-id"))
	require.Equal(t, "1772332200", header.Get("webhook-timestamp"))
	signatures := strings.Fields(header.Get("webhook-signature"))
	require.Len(t, signatures, 2)
	for i, secret := range []string{newSecret, oldSecret} {
		key, err := webhook.Key(secret)
		require.NoError(t, err)
		require.Equal(t, webhook.Sign(key, "n1", "1772332200", body), signatures[i])
	}
	var b webhook.Body
	require.NoError(t, json.Unmarshal(body, &b))
	require.Equal(t, "incident.opened", b.Type)
	require.Equal(t, "i1", b.Data.Incident.ID)
	require.Equal(t, "it did not start", b.Data.Text)
}

func TestASecretThatIsNoneSendsNothing(t *testing.T) {
	d := delivery("http://127.0.0.1:1")
	d.Secrets["secret:old"] = "hunter2"
	m := notify.Render(d)
	o := webhook.Send(t.Context(), client, d, &m, time.Now())
	require.True(t, o.Permanent)
	require.Contains(t, o.Answer, "secret:old")
	require.NotContains(t, o.Answer, "hunter2")
}

func TestReceiversThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		handle    http.HandlerFunc
		permanent bool
		says      string
	}{
		"gone":               {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, true, "410"},
		"not there just now": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, false, "404"},
		"elsewhere":          {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://169.254.169.254/", 307) }, true, "redirects"},
		"resets":             {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "EOF"},
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			for range 1000 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		}, false, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.handle)
			defer server.Close()
			d := delivery(server.URL + "/T0KEN")
			m := notify.Render(d)
			o := webhook.Send(t.Context(), client, d, &m, time.Now())
			require.False(t, o.OK)
			require.Equal(t, c.permanent, o.Permanent, o.Answer)
			require.Contains(t, o.Answer, c.says)
			require.Less(t, len(o.Answer), 2500)
			require.NotContains(t, o.Answer, "T0KEN")
		})
	}
}
