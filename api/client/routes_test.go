package client_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

// TestEveryMethodIsOneRequest says which request each method sends, to the byte.
func TestEveryMethodIsOneRequest(t *testing.T) {
	nightly := crontopus.JobName{Namespace: "production", Name: "nightly"}
	at := time.Date(2026, 11, 23, 2, 30, 0, 500_000_000, time.FixedZone("", 2*60*60))
	page := crontopus.Page{After: "a/b+c", Limit: 7}
	for _, c := range []struct {
		name string
		call func(context.Context, *client.Client) error
		want string
		body string // that is sent
	}{
		{"ready", func(ctx context.Context, c *client.Client) error { return c.Ready(ctx) }, "GET /readyz", ""},
		{"whoami", noting((*client.Client).Whoami), "GET /api/v1/whoami", ""},
		{"jobs", paged((*client.Client).Jobs, crontopus.Page{}), "GET /api/v1/jobs", ""},
		{"jobs, a page", paged((*client.Client).Jobs, page), "GET /api/v1/jobs?after=a%2Fb%2Bc&limit=7", ""},
		{"job", with((*client.Client).Job, nightly), "GET /api/v1/jobs/production/nightly", ""},
		{"rotate ping", with((*client.Client).RotatePing, nightly), "POST /api/v1/jobs/production/nightly/rotate-ping", ""},
		{"ping keys", paged((*client.Client).PingKeys, page), "GET /api/v1/ping-keys?after=a%2Fb%2Bc&limit=7", ""},
		{"create ping key", with((*client.Client).CreatePingKey, wire.PingKeyInput{Namespace: "production"}),
			"POST /api/v1/ping-keys", `{"namespace":"production"}`},
		{"revoke ping key", done((*client.Client).RevokePingKey, "k/1"), "DELETE /api/v1/ping-keys/k%2F1", ""},
		{"runs of everything", func(ctx context.Context, c *client.Client) error {
			_, err := c.Runs(ctx, crontopus.RunFilter{}, crontopus.Page{})
			return err
		}, "GET /api/v1/runs", ""},
		{"runs, filtered", func(ctx context.Context, c *client.Client) error {
			_, err := c.Runs(ctx, crontopus.RunFilter{Job: &nightly, Agent: "db-01", State: crontopus.RunFailed, Since: at}, page)
			return err
		}, "GET /api/v1/runs?after=a%2Fb%2Bc&agent=db-01&job=production%2Fnightly&limit=7&since=2026-11-23T00%3A30%3A00.5Z&state=failed", ""},
		{"runs of a namespace, to a time", func(ctx context.Context, c *client.Client) error {
			_, err := c.Runs(ctx, crontopus.RunFilter{Namespace: "production", Until: at}, crontopus.Page{})
			return err
		}, "GET /api/v1/runs?namespace=production&until=2026-11-23T00%3A30%3A00.5Z", ""},
		{"run", with((*client.Client).Run, "0193-a"), "GET /api/v1/runs/0193-a", ""},
		{"incidents, filtered", func(ctx context.Context, c *client.Client) error {
			_, err := c.Incidents(ctx, crontopus.IncidentFilter{State: crontopus.IncidentOpen, Kind: crontopus.AlertFailed, Job: &nightly,
				Namespace: "production", Agent: "db-01", Since: at}, page)
			return err
		}, "GET /api/v1/incidents?after=a%2Fb%2Bc&agent=db-01&job=production%2Fnightly&kind=failed&limit=7&namespace=production&since=2026-11-23T00%3A30%3A00.5Z&state=open", ""},
		{"incident", with((*client.Client).Incident, "i/1"), "GET /api/v1/incidents/i%2F1", ""},
		{"acknowledge", said((*client.Client).AcknowledgeIncident, "mine"), "POST /api/v1/incidents/i1/acknowledge", `{"text":"mine"}`},
		{"comment", said((*client.Client).CommentIncident, "hm"), "POST /api/v1/incidents/i1/comment", `{"text":"hm"}`},
		{"resolve", said((*client.Client).ResolveIncident, ""), "POST /api/v1/incidents/i1/resolve", `{}`},
		{"snooze", said((*client.Client).SnoozeIncident, wire.Snooze{For: crontopus.Duration(time.Hour)}), "POST /api/v1/incidents/i1/snooze", `{"for":"1h"}`},
		{"badges", paged((*client.Client).Badges, page), "GET /api/v1/badges?after=a%2Fb%2Bc&limit=7", ""},
		{"ensure badge", with((*client.Client).EnsureBadge, wire.BadgeInput{Label: "team=platform"}), "POST /api/v1/badges", `{"label":"team=platform"}`},
		{"rotate badge", with((*client.Client).RotateBadge, "b/1"), "POST /api/v1/badges/b%2F1/rotate", ""},
		{"remove badge", done((*client.Client).RemoveBadge, "b/1"), "DELETE /api/v1/badges/b%2F1", ""},
		{"silences", paged((*client.Client).Silences, page), "GET /api/v1/silences?after=a%2Fb%2Bc&limit=7", ""},
		{"silences in force", noting((*client.Client).SilencesInForce), "GET /api/v1/silences?inForce=true", ""},
		{"create silence", with((*client.Client).CreateSilence, wire.SilenceInput{Match: crontopus.Match{All: true}, For: crontopus.Duration(time.Hour), Reason: "move"}),
			"POST /api/v1/silences", `{"match":{"all":true},"for":"1h","reason":"move"}`},
		{"end silence", with((*client.Client).EndSilence, "s/1"), "POST /api/v1/silences/s%2F1/end", ""},
		{"alerting", noting((*client.Client).Alerting), "GET /api/v1/alerting", ""},
		{"status", noting((*client.Client).Status), "GET /api/v1/status", ""},
		{"agents", paged((*client.Client).Agents, page), "GET /api/v1/agents?after=a%2Fb%2Bc&limit=7", ""},
		{"agent", with((*client.Client).Agent, "db-01"), "GET /api/v1/agents/db-01", ""},
		{"agent jobs", with((*client.Client).AgentJobs, "db-01"), "GET /api/v1/agents/db-01/jobs", ""},
		{"revoke agent", with((*client.Client).RevokeAgent, "db-01"), "POST /api/v1/agents/db-01/revoke", ""},
		{"enrolment token", with((*client.Client).CreateEnrollmentToken, wire.TokenInput{Name: "db-01", Uses: 1, Expires: crontopus.Duration(time.Hour)}),
			"POST /api/v1/enrollment-tokens", `{"name":"db-01","uses":1,"expires":"1h"}`},
		{"channels", func(ctx context.Context, c *client.Client) error { _, err := c.Channels(ctx); return err }, "GET /api/v1/channels", ""},
		{"test channel", with((*client.Client).TestChannel, nightly), "POST /api/v1/channels/production/nightly/test", ""},
		{"secrets", func(ctx context.Context, c *client.Client) error { _, err := c.Secrets(ctx); return err }, "GET /api/v1/secrets", ""},
		{"set secret", done((*client.Client).SetSecret, wire.SecretInput{Name: "slack", Value: "x"}), "POST /api/v1/secrets", `{"name":"slack","value":"x"}`},
		{"delete secret", done((*client.Client).DeleteSecret, "slack"), "DELETE /api/v1/secrets/slack", ""},
		{"API keys", paged((*client.Client).APIKeys, page), "GET /api/v1/api-keys?after=a%2Fb%2Bc&limit=7", ""},
		{"create API key", with((*client.Client).CreateAPIKey, wire.KeyInput{Name: "ci", Role: crontopus.RoleViewer}),
			"POST /api/v1/api-keys", `{"name":"ci","role":"viewer"}`},
		{"revoke API key", done((*client.Client).RevokeAPIKey, "k/1"), "DELETE /api/v1/api-keys/k%2F1", ""},
		{"sources", paged((*client.Client).Sources, page), "GET /api/v1/sources?after=a%2Fb%2Bc&limit=7", ""},
		{"source", with((*client.Client).Source, "ops"), "GET /api/v1/sources/ops", ""},
		{"add source", with((*client.Client).AddSource, wire.SourceInput{Name: "ops", URL: "https://x/y.git", Interval: crontopus.Duration(time.Minute)}),
			"POST /api/v1/sources", `{"name":"ops","url":"https://x/y.git","interval":"1m"}`},
		{"remove source", done((*client.Client).RemoveSource, "ops"), "DELETE /api/v1/sources/ops", ""},
		{"sync source", done((*client.Client).SyncSource, "ops"), "POST /api/v1/sources/ops/sync", ""},
		{"approve source", func(ctx context.Context, c *client.Client) error { return c.ApproveSource(ctx, "ops", "0a1b") },
			"POST /api/v1/sources/ops/approve", `{"plan":"0a1b"}`},
		{"limit source", func(ctx context.Context, c *client.Client) error {
			return c.LimitSource(ctx, "ops", crontopus.SourceLimits{Namespaces: []string{"team-*"}, MaxEntries: 5})
		}, "POST /api/v1/sources/ops/limit", `{"namespaces":["team-*"],"maxEntries":5}`},
		{"change credentials", func(ctx context.Context, c *client.Client) error {
			_, err := c.ChangeSourceCredentials(ctx, "ops", wire.SourceCredentials{Password: "x", NewWebhookSecret: true})
			return err
		}, "POST /api/v1/sources/ops/credentials", `{"password":"x","newWebhookSecret":true}`},
		{"pin source", func(ctx context.Context, c *client.Client) error { return c.PinSource(ctx, "ops", "0a1b2c3") },
			"POST /api/v1/sources/ops/pin", `{"revision":"0a1b2c3"}`},
		{"unpin source", done((*client.Client).UnpinSource, "ops"), "POST /api/v1/sources/ops/unpin", ""},
		{"roll a source back", func(ctx context.Context, c *client.Client) error {
			_, err := c.RollbackSource(ctx, "ops", "")
			return err
		}, "POST /api/v1/sources/ops/rollback", `{}`},
		{"roll a source back to a sync", func(ctx context.Context, c *client.Client) error {
			_, err := c.RollbackSource(ctx, "ops", "sync-1")
			return err
		}, "POST /api/v1/sources/ops/rollback", `{"to":"sync-1"}`},
		{"suspend source", done((*client.Client).SuspendSource, "ops"), "POST /api/v1/sources/ops/suspend", ""},
		{"resume source", done((*client.Client).ResumeSource, "ops"), "POST /api/v1/sources/ops/resume", ""},
		{"syncs", func(ctx context.Context, c *client.Client) error {
			_, err := c.Syncs(ctx, "ops", page)
			return err
		}, "GET /api/v1/sources/ops/syncs?after=a%2Fb%2Bc&limit=7", ""},
		{"sync", with((*client.Client).Sync, "y1"), "GET /api/v1/syncs/y1", ""},
		{"report", done((*client.Client).Report, crontopus.AgentReport{Version: "v1", At: at.UTC()}), "POST /api/v1/agent/report",
			`{"at":"2026-11-23T00:30:00.5Z","version":"v1","scheduler":"","timezone":"","applied":{"epoch":0,"number":0}}`},
		{"check-in of one job", done((*client.Client).CheckIn, crontopus.CheckIn{RunID: "0193", Job: nightly, Event: crontopus.EventSuccess, At: at.UTC()}),
			"POST /api/v1/jobs/production/nightly/checkins", `{"runId":"0193","job":"production/nightly","event":"success","at":"2026-11-23T00:30:00.5Z"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, body, forms []string
			api := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent, _ := io.ReadAll(r.Body)
				got, body = append(got, r.Method+" "+r.URL.RequestURI()), append(body, string(sent))
				forms = append(forms, r.Header.Get("Accept"), r.Header.Get("Content-Type"))
				_, _ = w.Write([]byte("{}"))
			})
			require.NoError(t, c.call(t.Context(), api))
			require.Equal(t, []string{c.want}, got)
			require.Equal(t, []string{c.body}, body)
			sends := ""
			if c.body != "" {
				sends = "application/json"
			}
			require.Equal(t, []string{"application/json", sends}, forms)
		})
	}
}

type call = func(context.Context, *client.Client) error

func noting[T any](method func(*client.Client, context.Context) (T, error)) call {
	return func(ctx context.Context, c *client.Client) error {
		_, err := method(c, ctx)
		return err
	}
}

func with[A, T any](method func(*client.Client, context.Context, A) (T, error), arg A) call {
	return func(ctx context.Context, c *client.Client) error {
		_, err := method(c, ctx, arg)
		return err
	}
}

func said[A any](method func(*client.Client, context.Context, string, A) (crontopus.Incident, error), arg A) call {
	return func(ctx context.Context, c *client.Client) error {
		_, err := method(c, ctx, "i1", arg)
		return err
	}
}

func paged[T any](method func(*client.Client, context.Context, crontopus.Page) (wire.List[T], error), page crontopus.Page) call {
	return with(method, page)
}

func done[A any](method func(*client.Client, context.Context, A) error, arg A) call {
	return func(ctx context.Context, c *client.Client) error { return method(c, ctx, arg) }
}

// proof is what an agent's token says.
type proof struct {
	Iss, Sub, Aud string
	Iat, Exp      int64
}

// claims reads a request's token, and checks that its form and its signature are right.
func claims(r *http.Request, key ed25519.PublicKey) (p proof, err error) {
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if len(parts) != 3 {
		return p, fmt.Errorf("%q is no token", parts)
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	signature, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	if err := errors.Join(err1, err2, err3); err != nil {
		return p, err
	}
	if string(header) != `{"alg":"EdDSA","typ":"JWT"}` || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return p, fmt.Errorf("the agent did not sign %s", header)
	}
	return p, json.Unmarshal(payload, &p)
}

// asAgent returns a client that asks as agent-1 of installation inst.
func asAgent(t *testing.T, h http.HandlerFunc) (*client.Client, ed25519.PublicKey) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithAgent("agent-1", "inst", key))
	require.NoError(t, err)
	return c, pub
}
