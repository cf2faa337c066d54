package client

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// Ready reports by a nil error that the server takes requests.
func (c *Client) Ready(ctx context.Context) error {
	_, err := get[map[string]any](ctx, c, "/readyz", nil)
	return err
}

// Whoami says whose API key this client holds.
func (c *Client) Whoami(ctx context.Context) (wire.Whoami, error) {
	return get[wire.Whoami](ctx, c, "/api/v1/whoami", nil)
}

// Jobs lists the jobs by name.
func (c *Client) Jobs(ctx context.Context, page crontopus.Page) (wire.List[wire.Job], error) {
	return get[wire.List[wire.Job]](ctx, c, "/api/v1/jobs", pageQuery(page))
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, name crontopus.JobName) (wire.Job, error) {
	return get[wire.Job](ctx, c, jobPath(name), nil)
}

// RotatePing gives a job another ping URL.
func (c *Client) RotatePing(ctx context.Context, name crontopus.JobName) (wire.PingURL, error) {
	return post[wire.PingURL](ctx, c, jobPath(name)+"/rotate-ping", nil)
}

// PingKeys lists the ping keys.
func (c *Client) PingKeys(ctx context.Context, page crontopus.Page) (wire.List[crontopus.PingKey], error) {
	return get[wire.List[crontopus.PingKey]](ctx, c, "/api/v1/ping-keys", pageQuery(page))
}

// CreatePingKey makes a ping key.
func (c *Client) CreatePingKey(ctx context.Context, in wire.PingKeyInput) (wire.PingKeyMade, error) {
	return post[wire.PingKeyMade](ctx, c, "/api/v1/ping-keys", in)
}

// RevokePingKey ends a ping key at once.
func (c *Client) RevokePingKey(ctx context.Context, id string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: "/api/v1/ping-keys/" + url.PathEscape(id)})
	return err
}

// Runs lists runs, newest first, without their output.
func (c *Client) Runs(ctx context.Context, filter crontopus.RunFilter, page crontopus.Page) (wire.List[crontopus.Run], error) {
	q := runQuery(filter)
	maps.Copy(q, pageQuery(page))
	return get[wire.List[crontopus.Run]](ctx, c, "/api/v1/runs", q)
}

func runQuery(filter crontopus.RunFilter) url.Values {
	q := url.Values{}
	if filter.Job != nil {
		q.Set("job", filter.Job.String())
	}
	if filter.Agent != "" {
		q.Set("agent", filter.Agent)
	}
	if filter.State != "" {
		q.Set("state", string(filter.State))
	}
	if !filter.Since.IsZero() {
		q.Set("since", filter.Since.UTC().Format(time.RFC3339Nano))
	}
	if !filter.Until.IsZero() {
		q.Set("until", filter.Until.UTC().Format(time.RFC3339Nano))
	}
	if filter.Namespace != "" {
		q.Set("namespace", filter.Namespace)
	}
	return q
}

// Run returns one run with its output.
func (c *Client) Run(ctx context.Context, id string) (crontopus.Run, error) {
	return get[crontopus.Run](ctx, c, "/api/v1/runs/"+url.PathEscape(id), nil)
}

// Agents lists the agents by name.
func (c *Client) Agents(ctx context.Context, page crontopus.Page) (wire.List[crontopus.Agent], error) {
	return get[wire.List[crontopus.Agent]](ctx, c, "/api/v1/agents", pageQuery(page))
}

// Agent returns one agent by its name or id.
func (c *Client) Agent(ctx context.Context, name string) (crontopus.Agent, error) {
	return get[crontopus.Agent](ctx, c, agentPath(name), nil)
}

// AgentJobs lists the jobs that an agent should hold.
func (c *Client) AgentJobs(ctx context.Context, name string) (wire.List[wire.Job], error) {
	return get[wire.List[wire.Job]](ctx, c, agentPath(name)+"/jobs", nil)
}

// RevokeAgent ends an agent's identity at once.
func (c *Client) RevokeAgent(ctx context.Context, name string) (crontopus.Agent, error) {
	return post[crontopus.Agent](ctx, c, agentPath(name)+"/revoke", nil)
}

// CreateEnrollmentToken makes a token that lets hosts become agents.
func (c *Client) CreateEnrollmentToken(ctx context.Context, in wire.TokenInput) (wire.TokenMade, error) {
	return post[wire.TokenMade](ctx, c, "/api/v1/enrollment-tokens", in)
}

// APIKeys lists the API keys.
func (c *Client) APIKeys(ctx context.Context, page crontopus.Page) (wire.List[crontopus.APIKey], error) {
	return get[wire.List[crontopus.APIKey]](ctx, c, "/api/v1/api-keys", pageQuery(page))
}

// CreateAPIKey makes an API key.
func (c *Client) CreateAPIKey(ctx context.Context, in wire.KeyInput) (wire.KeyMade, error) {
	return post[wire.KeyMade](ctx, c, "/api/v1/api-keys", in)
}

// RevokeAPIKey ends an API key at once.
func (c *Client) RevokeAPIKey(ctx context.Context, id string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: "/api/v1/api-keys/" + url.PathEscape(id)})
	return err
}

// All goes through every page of a list:
//
//	for job, err := range client.All(ctx, c.Jobs) { … }
func All[T any](ctx context.Context, list func(context.Context, crontopus.Page) (wire.List[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		page := crontopus.Page{Limit: crontopus.MaxPageLimit}
		for {
			l, err := list(ctx, page)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range l.Items {
				if !yield(item, nil) {
					return
				}
			}
			if l.Next == "" || l.Next == page.After {
				return
			}
			page.After = l.Next
		}
	}
}

func pageQuery(page crontopus.Page) url.Values {
	q := url.Values{}
	if page.After != "" {
		q.Set("after", page.After)
	}
	if page.Limit > 0 {
		q.Set("limit", strconv.Itoa(page.Limit))
	}
	return q
}

func agentPath(name string) string { return "/api/v1/agents/" + url.PathEscape(name) }

// Badges lists the badges.
func (c *Client) Badges(ctx context.Context, page crontopus.Page) (wire.List[wire.Badge], error) {
	return get[wire.List[wire.Badge]](ctx, c, "/api/v1/badges", pageQuery(page))
}

// EnsureBadge returns the badge of a job or a label, which is made if there is none.
func (c *Client) EnsureBadge(ctx context.Context, in wire.BadgeInput) (wire.Badge, error) {
	return post[wire.Badge](ctx, c, "/api/v1/badges", in)
}

// RotateBadge gives a badge another address.
func (c *Client) RotateBadge(ctx context.Context, id string) (wire.Badge, error) {
	return post[wire.Badge](ctx, c, "/api/v1/badges/"+url.PathEscape(id)+"/rotate", nil)
}

// RemoveBadge ends a badge.
func (c *Client) RemoveBadge(ctx context.Context, id string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: "/api/v1/badges/" + url.PathEscape(id)})
	return err
}
