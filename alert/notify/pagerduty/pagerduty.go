// Package pagerduty sends messages as PagerDuty's Events API v2 takes them. One incident is one
// alert there: its id is the dedup_key, so that what is sent twice pages once.
//
//	202                       delivered
//	400 invalid event         permanent: most often the routing key is not one
//	429                       transient, Retry-After is kept to
//	5xx                       transient
//	any other 4xx             permanent
//
// It imports the root package and alert/notify.
package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
)

// DefaultURL is where PagerDuty takes events.
const DefaultURL = "https://events.pagerduty.com/v2/enqueue"

// maxSummary and maxSource are PagerDuty's limits, in characters. An event may have 512 KB, which the
// limits of a message keep it far below.
const (
	maxSummary = 1024
	maxSource  = 255
)

// Event is what PagerDuty takes.
type Event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"` // trigger, acknowledge or resolve
	DedupKey   string   `json:"dedup_key"`
	Client     string   `json:"client,omitempty"`
	ClientURL  string   `json:"client_url,omitempty"`
	Payload    *Payload `json:"payload,omitempty"` // of a trigger
	Links      []Link   `json:"links,omitempty"`
}

// Payload says what is wrong.
type Payload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp string            `json:"timestamp"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

// Link is shown with the alert.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Send delivers a message once. A test is resolved as soon as it was taken.
func Send(ctx context.Context, client *http.Client, d *crontopus.Delivery, m *notify.Message) notify.Outcome {
	c := d.Channel.Spec.PagerDuty
	key := strings.TrimSpace(d.Secrets[c.RoutingKey])
	address := cmp.Or(c.URL, DefaultURL)
	o := post(ctx, client, address, Write(m, key))
	if o.OK && m.Event == crontopus.NotifyTest {
		return post(ctx, client, address, Event{RoutingKey: key, Action: "resolve", DedupKey: m.Key})
	}
	return o
}

func post(ctx context.Context, client *http.Client, address string, e Event) notify.Outcome {
	body, err := json.Marshal(e)
	if err != nil {
		return notify.Refused(err)
	}
	return notify.Post(ctx, client, address, nil, body, nil)
}

// Write makes a message PagerDuty's.
func Write(m *notify.Message, routingKey string) Event {
	e := Event{RoutingKey: routingKey, DedupKey: m.Key}
	switch m.Event {
	case crontopus.NotifyResolved:
		e.Action = "resolve"
		return e
	case crontopus.NotifyAcknowledged:
		e.Action = "acknowledge"
		return e
	}
	e.Action, e.Client, e.ClientURL = "trigger", "Crontopus", m.Link
	p := &Payload{Summary: notify.Line(m.Title+": "+m.Text, maxSummary), Source: notify.Line(m.Source, maxSource), Severity: string(cmp.Or(m.Severity, crontopus.ErrorAlert)),
		Timestamp: m.At.UTC().Format(time.RFC3339), Details: map[string]string{"why": m.Text}}
	for _, f := range m.Facts {
		p.Details[f.Name] = f.Value
		if f.Link != "" {
			e.Links = append(e.Links, Link{f.Link, f.Name + ": " + f.Value})
		}
	}
	if m.Output != "" {
		p.Details["output"] = m.Output
	}
	if i := m.Incident; i != nil {
		p.Class, p.Component, p.Group = string(i.Kind), i.Subject.Job.Name, i.Subject.Job.Namespace
		p.Timestamp = i.OpenedAt.UTC().Format(time.RFC3339)
	}
	e.Payload = p
	return e
}
