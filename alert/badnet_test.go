package alert_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
	"crontopus.dev/crontopus/internal/badnet"
)

// receiver takes messages, by mail or by HTTP, and keeps the keys that they came with.
type receiver struct {
	mu   sync.Mutex
	keys []string
}

func (r *receiver) takes(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, key)
}

func (r *receiver) heard() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.keys...)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if body, err := io.ReadAll(request.Body); err != nil || len(body) == 0 {
		return
	}
	r.takes(request.Header.Get("Webhook-Id"))
	_, _ = io.WriteString(w, strings.Repeat("thank you ", 20))
}

func (r *receiver) NewSession(*smtp.Conn) (smtp.Session, error) { return r, nil }
func (*receiver) Reset()                                        {}
func (*receiver) Logout() error                                 { return nil }
func (*receiver) Mail(string, *smtp.MailOptions) error          { return nil }
func (*receiver) Rcpt(string, *smtp.RcptOptions) error          { return nil }

func (r *receiver) Data(body io.Reader) error {
	m, err := mail.ReadMessage(body)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return err
	}
	r.takes(m.Header.Get("Message-Id"))
	return nil
}

// behind is a receiver of the kind behind a link that can be spoiled, and a store with a message to it.
func behind(t *testing.T, kind string) (*receiver, *badnet.Link, *fakeStore, *x509.CertPool) {
	r := &receiver{}
	if kind == crontopus.ChannelWebhook {
		server := httptest.NewServer(r)
		t.Cleanup(server.Close)
		link := badnet.New(t, server.Listener.Addr().String())
		return r, link, toWebhook(link.Through(t, server.URL)), nil
	}
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(r)
	server.Domain, server.AllowInsecureAuth = "mail.example.com", true
	server.TLSConfig = &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}
	link := badnet.New(t, listener.Addr().String())
	if kind == crontopus.TLSImplicit {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	s := toWebhook("")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(link.Through(t, "smtp://x"), "smtp://"))
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	s.delivery.Channel.Spec = crontopus.ChannelSpec{Type: crontopus.ChannelEmail, Email: &crontopus.EmailChannel{To: []string{"ops@example.com"},
		From: "cron@example.com", Host: "127.0.0.1", Port: number, TLS: kind}}
	return r, link, s, roots
}

// Between a server and a channel lies a network. Whatever that does, a message is sent until it was taken, each
// time with the same key, and no attempt lasts longer than it may.
func TestAMessageArrivesThroughABadNetwork(t *testing.T) {
	type toxic struct {
		kind, direction string
		attributes      map[string]any
	}
	type spoiled struct {
		toxics []toxic
		cut    bool
		fails  bool // the first attempt
		may    bool // it may fail, where what is said is long enough
	}
	networks := map[string]spoiled{
		"slow": {toxics: []toxic{{"latency", badnet.ToServer, map[string]any{"latency": 100, "jitter": 50}}, {"latency", badnet.FromServer, map[string]any{"latency": 100}}}},
		"in small pieces": {toxics: []toxic{{"slicer", badnet.ToServer, map[string]any{"average_size": 200, "size_variation": 100, "delay": 1000}},
			{"slicer", badnet.FromServer, map[string]any{"average_size": 20, "size_variation": 10, "delay": 1000}}}},
		"reset at once":                {toxics: []toxic{{"reset_peer", badnet.ToServer, map[string]any{"timeout": 0}}}, fails: true},
		"reset after a while":          {toxics: []toxic{{"latency", badnet.FromServer, map[string]any{"latency": 80}}, {"reset_peer", badnet.ToServer, map[string]any{"timeout": 250}}}, fails: true},
		"closed without an answer":     {toxics: []toxic{{"timeout", badnet.FromServer, map[string]any{"timeout": 200}}}, fails: true},
		"closed within the request":    {toxics: []toxic{{"limit_data", badnet.ToServer, map[string]any{"bytes": 40}}}, fails: true},
		"closed within the first line": {toxics: []toxic{{"limit_data", badnet.FromServer, map[string]any{"bytes": 10}}}, fails: true},
		"silent for ever":              {toxics: []toxic{{"timeout", badnet.FromServer, map[string]any{"timeout": 0}}}, fails: true},
		"refused":                      {cut: true, fails: true},
	}
	for _, direction := range []string{badnet.ToServer, badnet.FromServer} {
		for _, bytes := range []int{45, 150, 250, 600, 2000} {
			networks[fmt.Sprintf("closed after %d bytes %s", bytes, direction)] = spoiled{toxics: []toxic{{"limit_data", direction, map[string]any{"bytes": bytes}}}, may: true}
		}
	}
	for name, c := range networks {
		kinds := []string{crontopus.ChannelWebhook, crontopus.TLSNone, crontopus.TLSStart, crontopus.TLSImplicit}
		if name == "silent for ever" {
			kinds = kinds[:2] // each takes its ten seconds
		}
		for _, kind := range kinds {
			t.Run(name+" to "+kind, func(t *testing.T) {
				t.Parallel()
				r, link, s, roots := behind(t, kind)
				for _, toxic := range c.toxics {
					link.Spoil(t, toxic.kind, toxic.direction, toxic.attributes)
				}
				if c.cut {
					link.Cut()
				}
				d := alert.NewDeliverer(alert.DelivererOptions{Store: s, Guard: loopback, Roots: roots, Now: time.Now, Log: quiet})
				s.delivery.Notification.At = time.Now()
				began := time.Now()
				again, err := d.Deliver(t.Context(), "default", "n1")
				require.NoError(t, err)
				require.Less(t, time.Since(began), 25*time.Second)
				said := s.recorded[0].Answer
				require.NotEqual(t, crontopus.NotificationFailed, s.delivery.Notification.State, "%s", said)
				if failed := !s.recorded[0].OK; failed || !c.may {
					require.Equal(t, c.fails || c.may, failed, "%s", said)
				}
				if !s.recorded[0].OK {
					require.Positive(t, again)
					require.Equal(t, crontopus.NotificationPending, s.delivery.Notification.State)
					require.LessOrEqual(t, again, 2*time.Second)
					link.Mend(t)
					again, err = d.Deliver(t.Context(), "default", "n1")
					require.NoError(t, err)
					require.Zero(t, again, s.recorded[1].Answer)
				}
				require.Equal(t, crontopus.NotificationDelivered, s.delivery.Notification.State)
				keys := r.heard()
				require.NotEmpty(t, keys)
				for _, key := range keys {
					require.Equal(t, keys[0], key)
				}
				t.Logf("%q, then taken %d times", said, len(keys))
			})
		}
	}
}
