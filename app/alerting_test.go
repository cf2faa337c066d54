package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/internal/pgtest"
)

const alertingManifests = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: nightly, namespace: shop, labels: {tier: critical}}
spec:
  every: 1d
  target: {ping: true}
---
apiVersion: crontopus.dev/v1
kind: AlertPolicy
metadata: {name: critical, namespace: shop}
spec:
  match: {labels: {tier: critical}}
  severity: critical
  notify: [{channel: hook}]
---
apiVersion: crontopus.dev/v1
kind: NotificationChannel
metadata: {name: hook, namespace: shop}
spec:
  type: webhook
  webhook: {url: "URL", secrets: ["secret:hook"]}
`

// peer is where a channel leads: it remembers what it was told.
type peer struct {
	*httptest.Server
	mu   sync.Mutex
	told []told
}

type told struct {
	id   string // of the message
	Type string
	Data struct {
		Text     string
		Severity crontopus.Severity
		Incident crontopus.Incident
	}
}

func newPeer(t *testing.T) *peer {
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m := told{id: r.Header.Get("webhook-id")}
		if err != nil || json.Unmarshal(body, &m) != nil || !strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") {
			http.Error(w, "what is this?", http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.told = append(p.told, m)
	}))
	t.Cleanup(p.Close)
	return p
}

// heard returns what was told, in its order.
func (p *peer) heard() []told {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]told{}, p.told...)
}

// From a push to a message: the policy and the channel come from Git, the failure by one curl.
func TestAFailureIsToldAsItsRepositorySays(t *testing.T) {
	for name, database := range map[string]string{"SQLite": "", "PostgreSQL": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.Database, o.AllowNetworks = database, []string{"127.0.0.0/8"}
			a := open(t, o)
			run(t, a)
			c, p := admin(t, a, o), newPeer(t)
			require.NoError(t, c.SetSecret(t.Context(), wire.SecretInput{Name: "hook", Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))
			repo := gittest.NewRepo(t)
			repo.Commit(t, "how to tell", map[string]string{"jobs.yaml": strings.ReplaceAll(alertingManifests, "URL", p.URL)})
			_, err := c.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
			require.NoError(t, err)
			var job wire.Job
			until(t, "the job is synced", func() bool {
				job, err = c.Job(t.Context(), crontopus.JobName{Namespace: "shop", Name: "nightly"})
				return err == nil && job.PingURL != ""
			})
			ping := func(suffix, body string) {
				response, err := http.Post(job.PingURL+suffix, "text/plain", strings.NewReader(body))
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				require.Equal(t, http.StatusOK, response.StatusCode)
			}
			ping("/3", "no such table: orders")
			until(t, "somebody is told of the failure", func() bool { return len(p.heard()) > 0 })
			ping("", "")
			until(t, "somebody is told that it is over", func() bool { return len(p.heard()) > 1 })

			told := p.heard()
			require.Len(t, told, 2)
			require.Equal(t, "incident.opened", told[0].Type)
			require.Equal(t, crontopus.CriticalAlert, told[0].Data.Severity)
			require.Equal(t, crontopus.CauseExitCode, told[0].Data.Incident.Cause.Code)
			require.Contains(t, told[0].Data.Incident.Cause.Sentence, "nightly failed")
			require.Contains(t, told[0].Data.Incident.Cause.Sentence, "exit code 3")
			require.Equal(t, "incident.resolved", told[1].Type)
			require.Equal(t, told[0].Data.Incident.ID, told[1].Data.Incident.ID)
			require.NotEqual(t, told[0].id, told[1].id)
		})
	}
}
