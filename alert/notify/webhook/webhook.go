// Package webhook sends messages to any address, signed as Standard Webhooks describes it
// (https://www.standardwebhooks.com): webhook-id is the notification's id and stays the same
// however often it is sent, webhook-timestamp is when it was sent, and webhook-signature
// holds one v1 signature for each secret of the channel.
//
//	2xx                    delivered
//	410                    permanent: the receiver wants no more of it
//	3xx                    permanent: redirects are not followed
//	429, 503               transient, Retry-After is kept to
//	anything else          transient: a receiver that is being deployed answers 404, too
//
// It imports the root package and alert/notify.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
)

// Body is what is sent.
type Body struct {
	Type      string    `json:"type"`      // incident.opened, incident.resolved, channel.test, …
	Timestamp time.Time `json:"timestamp"` // of the decision to tell
	Data      Data      `json:"data"`
}

// Data is what is told.
type Data struct {
	Title    string              `json:"title"`
	Text     string              `json:"text"`
	Severity crontopus.Severity  `json:"severity"`
	Link     string              `json:"link,omitempty"`
	Incident *crontopus.Incident `json:"incident,omitempty"`
}

// Send delivers a message once.
func Send(ctx context.Context, client *http.Client, d *crontopus.Delivery, m *notify.Message, now time.Time) notify.Outcome {
	body, err := json.Marshal(body(m))
	if err != nil {
		return notify.Refused(err)
	}
	header := http.Header{}
	stamp := strconv.FormatInt(now.Unix(), 10)
	header.Set("Webhook-Id", m.ID)
	header.Set("Webhook-Timestamp", stamp)
	var signatures []string
	for _, reference := range d.Channel.Spec.Webhook.Secrets {
		key, err := Key(d.Secrets[reference])
		if err != nil {
			return notify.Refused(fmt.Errorf("%s: %w", reference, err))
		}
		signatures = append(signatures, Sign(key, m.ID, stamp, body))
	}
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
	return notify.Post(ctx, client, d.Channel.Spec.Webhook.URL, header, body, func(status int) bool { return status == http.StatusGone })
}

func body(m *notify.Message) Body {
	kind := "incident."
	if m.Incident == nil {
		kind = "channel."
	}
	return Body{Type: kind + string(m.Event), Timestamp: m.At, Data: Data{m.Title, m.Text, m.Severity, m.Link, m.Incident}}
}

// Key reads a secret: 24 to 64 bytes in base64 after whsec_.
func Key(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "a webhook's secret is whsec_ and the base64 of 24 to 64 random bytes").
			WithHint(`make one with: echo "whsec_$(openssl rand -base64 32)"`)
	}
	return key, nil
}

// Sign returns a v1 signature.
func Sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
