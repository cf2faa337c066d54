package crontopus

import (
	"slices"
	"time"
)

// AlertPolicy is a manifest that says which alert conditions people are told of, when and
// by which channels. Every policy that matches applies; where none does, DefaultPolicy.
type AlertPolicy struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   Metadata        `json:"metadata"`
	Spec       AlertPolicySpec `json:"spec"`
}

// AlertPolicySpec says who is told of what.
type AlertPolicySpec struct {
	Match         Match       `json:"match"`
	When          []AlertKind `json:"when,omitempty"`          // none: every kind
	Severity      Severity    `json:"severity,omitempty"`      // default error
	AfterFailures int         `json:"afterFailures,omitempty"` // failed runs in a row before anybody is told; default 1
	RecoverAfter  int         `json:"recoverAfter,omitempty"`  // good runs in a row before it counts as over; default 1
	OfflineAfter  Duration    `json:"offlineAfter,omitempty"`  // silence of an agent before it counts as offline; default 3m
	RemindEvery   Duration    `json:"remindEvery,omitempty"`   // 0: never
	Notify        []Notify    `json:"notify"`
}

// Notify is one step of an escalation.
type Notify struct {
	Channel string   `json:"channel"`         // a name in the policy's namespace, or namespace/name
	After   Duration `json:"after,omitempty"` // that the incident has been open, and nobody has acknowledged it
}

// Severity says how bad a condition is, in the words of PagerDuty's Events API v2.
type Severity string

// The severities.
const (
	CriticalAlert Severity = "critical"
	ErrorAlert    Severity = "error"
	WarningAlert  Severity = "warning"
	InfoAlert     Severity = "info"
)

// Defaults of an AlertPolicy.
const (
	DefaultOfflineAfter = Duration(3 * 60e9)
	DefaultSeverity     = ErrorAlert
)

// SetDefaults fills in what a policy does not say.
func (p *AlertPolicy) SetDefaults() {
	setDefault(&p.Metadata.Namespace, DefaultNamespace)
	setDefault(&p.Spec.Severity, DefaultSeverity)
	setDefault(&p.Spec.AfterFailures, 1)
	setDefault(&p.Spec.RecoverAfter, 1)
	setDefault(&p.Spec.OfflineAfter, DefaultOfflineAfter)
}

// Covers reports whether the policy is about conditions of the kind.
func (p *AlertPolicy) Covers(kind AlertKind) bool {
	return len(p.Spec.When) == 0 || slices.Contains(p.Spec.When, kind)
}

// ChannelName returns the channel that a step names.
func (p *AlertPolicy) ChannelName(n Notify) JobName {
	return referredFrom(p.Metadata.Namespace, n.Channel)
}

// DefaultPolicy is what applies where no policy of the repository matches: every condition,
// at once, to the channels that say default.
func DefaultPolicy(channels []NotificationChannel) AlertPolicy {
	p := AlertPolicy{Metadata: Metadata{Name: "built-in"}, Spec: AlertPolicySpec{Match: Match{All: true}}}
	for i := range channels {
		if channels[i].Spec.Default {
			p.Spec.Notify = append(p.Spec.Notify, Notify{Channel: channels[i].Name().String()})
		}
	}
	p.SetDefaults()
	return p
}

// Match says which conditions are meant. What is set must all hold; an empty Match is an
// error in a manifest, never "everything": that is All, which must be written out.
type Match struct {
	All        bool              `json:"all,omitempty"`        // whatever the tenant has: jobs, agents and sources
	Namespaces []string          `json:"namespaces,omitempty"` // of jobs; without it, the manifest's own
	Labels     map[string]string `json:"labels,omitempty"`     // of the job, or of the agent for a condition of an agent
	Jobs       []string          `json:"jobs,omitempty"`       // by name
	Agents     []string          `json:"agents,omitempty"`     // by name: their conditions, and their entries'
	Sources    []string          `json:"sources,omitempty"`    // by name
}

// Empty reports whether the Match says nothing.
func (m *Match) Empty() bool {
	return !m.All && len(m.Namespaces)+len(m.Labels)+len(m.Jobs)+len(m.Agents)+len(m.Sources) == 0
}

// Subject is what a condition is about, as a Match sees it: an entry (job and agent), a job
// alone, an agent or a source.
type Subject struct {
	Job    JobName           `json:"job,omitzero"`
	Agent  string            `json:"agent,omitempty"`
	Source string            `json:"source,omitempty"`
	Labels map[string]string `json:"labels,omitempty"` // the job's, or the agent's where there is no job
}

// Matches reports whether a Match of a manifest in the namespace is about the subject. A match
// of namespaces, labels and jobs alone is never about a source, and one without labels or
// agents never about an agent: who says less than All does not get the whole house.
func (m *Match) Matches(namespace string, s *Subject) bool {
	if m.All {
		return true
	}
	for key, want := range m.Labels {
		if got, ok := s.Labels[key]; !ok || got != want {
			return false
		}
	}
	if len(m.Agents) > 0 && !slices.Contains(m.Agents, s.Agent) {
		return false
	}
	switch {
	case s.Source != "":
		return slices.Contains(m.Sources, s.Source) && len(m.Labels)+len(m.Agents)+len(m.Jobs)+len(m.Namespaces) == 0
	case len(m.Sources) > 0:
		return false
	case s.Job == JobName{}:
		return len(m.Labels)+len(m.Agents) > 0 && len(m.Jobs)+len(m.Namespaces) == 0
	}
	spaces := m.Namespaces
	if len(spaces) == 0 {
		spaces = []string{namespace}
	}
	return slices.Contains(spaces, s.Job.Namespace) && (len(m.Jobs) == 0 || slices.Contains(m.Jobs, s.Job.Name))
}

// NotificationChannel is a manifest that says where notifications go. Its secrets are
// references, "secret:NAME", into the tenant's secrets.
type NotificationChannel struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Metadata   Metadata    `json:"metadata"`
	Spec       ChannelSpec `json:"spec"`
}

// Name returns the channel's identity within its tenant.
func (c *NotificationChannel) Name() JobName { return JobName{c.Metadata.Namespace, c.Metadata.Name} }

// SetDefaults fills in what a channel does not say.
func (c *NotificationChannel) SetDefaults() {
	setDefault(&c.Metadata.Namespace, DefaultNamespace)
	setDefault(&c.Spec.MaxPerHour, DefaultMaxPerHour)
	if e := c.Spec.Email; e != nil {
		setDefault(&e.TLS, TLSStart)
		if e.TLS == TLSImplicit {
			setDefault(&e.Port, 465)
		}
		setDefault(&e.Port, 587)
	}
}

// DefaultMaxPerHour is how many notifications a channel takes in an hour unless it says otherwise.
const DefaultMaxPerHour = 120

// ChannelSpec says how a channel is reached: exactly the part that Type names is set.
type ChannelSpec struct {
	Type       string            `json:"type"`
	Default    bool              `json:"default,omitempty"`    // told of what no policy matches
	MaxPerHour int               `json:"maxPerHour,omitempty"` // what is over it is told as a count
	Slack      *SlackChannel     `json:"slack,omitempty"`
	Email      *EmailChannel     `json:"email,omitempty"`
	PagerDuty  *PagerDutyChannel `json:"pagerduty,omitempty"`
	Webhook    *WebhookChannel   `json:"webhook,omitempty"`
}

// The types of a channel.
const (
	ChannelSlack     = "slack"
	ChannelEmail     = "email"
	ChannelPagerDuty = "pagerduty"
	ChannelWebhook   = "webhook"
)

// SlackChannel is an incoming webhook of Slack, or of what takes the same messages.
type SlackChannel struct {
	URL string `json:"url"` // secret:NAME
}

// EmailChannel is a mail server and who gets the mail.
type EmailChannel struct {
	To       []string `json:"to"`
	From     string   `json:"from"`
	Host     string   `json:"host"`
	Port     int      `json:"port,omitempty"` // default 587, 465 with tls: implicit
	TLS      string   `json:"tls,omitempty"`  // starttls (default), implicit or none
	Username string   `json:"username,omitempty"`
	Password string   `json:"password,omitempty"` // secret:NAME
}

// How a mail server is spoken to.
const (
	TLSStart    = "starttls"
	TLSImplicit = "implicit"
	TLSNone     = "none"
)

// PagerDutyChannel is a service that takes PagerDuty's Events API v2.
type PagerDutyChannel struct {
	RoutingKey string `json:"routingKey"`    // secret:NAME
	URL        string `json:"url,omitempty"` // default https://events.pagerduty.com/v2/enqueue
}

// WebhookChannel is an address that takes signed messages as Standard Webhooks describes them.
type WebhookChannel struct {
	URL     string   `json:"url"`
	Secrets []string `json:"secrets"` // secret:NAME each; every one signs, so that they can be changed one at a time
}

// References returns the secrets that a channel refers to.
func (s *ChannelSpec) References() (list []string) {
	switch {
	case s.Slack != nil:
		list = []string{s.Slack.URL}
	case s.Email != nil && s.Email.Password != "":
		list = []string{s.Email.Password}
	case s.PagerDuty != nil:
		list = []string{s.PagerDuty.RoutingKey}
	case s.Webhook != nil:
		list = s.Webhook.Secrets
	}
	return list
}

// Secret is a value that channels refer to, without the value.
type Secret struct {
	Name      string    `json:"name"`
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"`
}

// SecretPrefix begins a reference into the tenant's secrets.
const SecretPrefix = "secret:"

// MaintenanceWindow is a manifest that says when nobody is told of certain conditions.
type MaintenanceWindow struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Metadata   Metadata   `json:"metadata"`
	Spec       WindowSpec `json:"spec"`
}

// WindowSpec says what and when: Schedule with Duration, or Start with End.
type WindowSpec struct {
	Match    Match     `json:"match"`
	Schedule Schedules `json:"schedule,omitempty"`
	Timezone string    `json:"timezone,omitempty"` // IANA name; default UTC
	Duration Duration  `json:"duration,omitempty"` // from each instant of Schedule
	Start    string    `json:"start,omitempty"`    // RFC 3339
	End      string    `json:"end,omitempty"`
}

// SetDefaults fills in what a window does not say.
func (w *MaintenanceWindow) SetDefaults() {
	setDefault(&w.Metadata.Namespace, DefaultNamespace)
	setDefault(&w.Spec.Timezone, DefaultTimezone)
}

// Alerting is all that a tenant's repositories say of alerting, at one moment.
type Alerting struct {
	Policies []AlertPolicy         `json:"policies,omitempty"`
	Channels []NotificationChannel `json:"channels,omitempty"`
	Windows  []MaintenanceWindow   `json:"windows,omitempty"`
}

// Applying returns the policies that are about a condition of the subject, the built-in one
// where there is none.
func (a *Alerting) Applying(kind AlertKind, s *Subject) []AlertPolicy {
	var found []AlertPolicy
	for i := range a.Policies {
		if p := &a.Policies[i]; p.Covers(kind) && p.Spec.Match.Matches(p.Metadata.Namespace, s) {
			found = append(found, *p)
		}
	}
	if found == nil {
		found = []AlertPolicy{DefaultPolicy(a.Channels)}
	}
	return found
}
