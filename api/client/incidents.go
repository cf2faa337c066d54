package client

import (
	"context"
	"net/url"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// Incidents lists incidents, newest first, without evidence and missed runs.
func (c *Client) Incidents(ctx context.Context, filter crontopus.IncidentFilter, page crontopus.Page) (wire.List[crontopus.Incident], error) {
	q := pageQuery(page)
	for key, value := range map[string]string{
		"state": string(filter.State), "kind": string(filter.Kind), "namespace": filter.Namespace, "agent": filter.Agent,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if filter.Job != nil {
		q.Set("job", filter.Job.String())
	}
	if !filter.Since.IsZero() {
		q.Set("since", filter.Since.UTC().Format(time.RFC3339Nano))
	}
	return get[wire.List[crontopus.Incident]](ctx, c, "/api/v1/incidents", q)
}

// Incident returns one incident with its story.
func (c *Client) Incident(ctx context.Context, id string) (wire.IncidentStory, error) {
	return get[wire.IncidentStory](ctx, c, incidentPath(id), nil)
}

// AcknowledgeIncident takes an incident on.
func (c *Client) AcknowledgeIncident(ctx context.Context, id, text string) (crontopus.Incident, error) {
	return post[crontopus.Incident](ctx, c, incidentPath(id)+"/acknowledge", wire.Comment{Text: text})
}

// SnoozeIncident keeps an incident quiet for a while.
func (c *Client) SnoozeIncident(ctx context.Context, id string, in wire.Snooze) (crontopus.Incident, error) {
	return post[crontopus.Incident](ctx, c, incidentPath(id)+"/snooze", in)
}

// CommentIncident adds a line to an incident's story.
func (c *Client) CommentIncident(ctx context.Context, id, text string) (crontopus.Incident, error) {
	return post[crontopus.Incident](ctx, c, incidentPath(id)+"/comment", wire.Comment{Text: text})
}

// ResolveIncident ends an incident by hand.
func (c *Client) ResolveIncident(ctx context.Context, id, text string) (crontopus.Incident, error) {
	return post[crontopus.Incident](ctx, c, incidentPath(id)+"/resolve", wire.Comment{Text: text})
}

// Silences lists silences, newest first.
func (c *Client) Silences(ctx context.Context, page crontopus.Page) (wire.List[crontopus.Silence], error) {
	return get[wire.List[crontopus.Silence]](ctx, c, "/api/v1/silences", pageQuery(page))
}

// SilencesInForce lists the silences that hold now.
func (c *Client) SilencesInForce(ctx context.Context) (wire.List[crontopus.Silence], error) {
	return get[wire.List[crontopus.Silence]](ctx, c, "/api/v1/silences", url.Values{"inForce": {"true"}})
}

// CreateSilence keeps certain conditions quiet for a while.
func (c *Client) CreateSilence(ctx context.Context, in wire.SilenceInput) (crontopus.Silence, error) {
	return post[crontopus.Silence](ctx, c, "/api/v1/silences", in)
}

// EndSilence ends a silence before its time.
func (c *Client) EndSilence(ctx context.Context, id string) (crontopus.Silence, error) {
	return post[crontopus.Silence](ctx, c, "/api/v1/silences/"+url.PathEscape(id)+"/end", nil)
}

// Status tells what is wrong now.
func (c *Client) Status(ctx context.Context) (wire.Status, error) {
	return get[wire.Status](ctx, c, "/api/v1/status", nil)
}

func incidentPath(id string) string { return "/api/v1/incidents/" + url.PathEscape(id) }
