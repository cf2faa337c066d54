package wire

import "crontopus.dev/crontopus"

// SourceInput adds a source. WebhookSecret is made by the server when it is empty.
type SourceInput struct {
	Name          string             `json:"name"`
	URL           string             `json:"url"`
	Branch        string             `json:"branch,omitempty"`
	Path          string             `json:"path,omitempty"`
	Interval      crontopus.Duration `json:"interval,omitempty"`
	Username      string             `json:"username,omitempty"`
	Password      string             `json:"password,omitempty"`
	SSHKey        string             `json:"sshKey,omitempty"`
	KnownHosts    string             `json:"knownHosts,omitempty"`
	WebhookSecret string             `json:"webhookSecret,omitempty"`

	Limits crontopus.SourceLimits `json:"limits,omitzero"` // of what its jobs may reach
}

// SourceAdded is the answer: the source, and its webhook's secret, shown once.
type SourceAdded struct {
	Source        crontopus.Source `json:"source"`
	WebhookURL    string           `json:"webhookUrl"`
	WebhookSecret string           `json:"webhookSecret"`
}

// SourceCredentials changes a source's credentials. What is empty stays as it is.
type SourceCredentials struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	SSHKey        string `json:"sshKey,omitempty"`
	KnownHosts    string `json:"knownHosts,omitempty"`
	WebhookSecret string `json:"webhookSecret,omitempty"`

	NewWebhookSecret bool `json:"newWebhookSecret,omitempty"` // the server makes one; not beside WebhookSecret
}

// SourceCredentialsChanged is the answer.
type SourceCredentialsChanged struct {
	WebhookURL    string `json:"webhookUrl"`
	WebhookSecret string `json:"webhookSecret,omitempty"` // where the server made one, shown once
	Replaced      bool   `json:"replaced,omitempty"`      // the old ones did not open any more: what was not sent is gone
}

// Approve lets a held plan through. Plan is the digest that a person saw.
type Approve struct {
	Plan string `json:"plan"`
}

// Pin holds a source at a commit: branch@sha1:hash, a hash, or the beginning of one. As an
// answer it is the revision that was chosen.
type Pin struct {
	Revision string `json:"revision"`
}

// Rollback goes back to a revision that was in force before.
type Rollback struct {
	To string `json:"to,omitempty"` // its commit, or a sync's id; default: the last one before the present
}
