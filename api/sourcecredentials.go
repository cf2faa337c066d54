package api

import (
	"cmp"
	"context"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

func (s sources) credentials(ctx context.Context, in *struct {
	NameIn
	Body wire.SourceCredentials
}) (*body[wire.SourceCredentialsChanged], error) {
	c, sent := callerOf(ctx), in.Body
	change := crontopus.SourceSecrets{
		Username: sent.Username, Password: sent.Password, SSHKey: sent.SSHKey, KnownHosts: sent.KnownHosts, WebhookSecret: sent.WebhookSecret,
	}
	if err := checkSecrets(change); err != nil {
		return nil, err
	}
	if sent.NewWebhookSecret {
		if sent.WebhookSecret != "" {
			return nil, invalid("the webhook's secret is both sent and to be made").WithHint("send webhookSecret or newWebhookSecret")
		}
		change.WebhookSecret = token.New(token.Webhook)
	}
	if change == (crontopus.SourceSecrets{}) {
		return nil, invalid("nothing says which credential is to change").
			WithHint("send a username, password, sshKey, knownHosts or webhookSecret, or newWebhookSecret")
	}
	whole := change
	whole.WebhookSecret = cmp.Or(change.WebhookSecret, token.New(token.Webhook))
	source, err := s.store.Source(ctx, c.tenant, in.Name)
	if err != nil {
		return nil, err
	}
	replaced, err := s.store.ChangeSourceSecrets(ctx, c.tenant, c.actor(), in.Name, change, whole, s.now())
	if err != nil {
		return nil, err
	}
	s.wakeSyncer()
	changed := wire.SourceCredentialsChanged{WebhookURL: s.publicURL + webhookPath(source.ID), Replaced: replaced}
	if sent.WebhookSecret == "" && (replaced || sent.NewWebhookSecret) {
		changed.WebhookSecret = whole.WebhookSecret
	}
	return answer(changed), nil
}

// checkSecrets refuses what no credential is.
func checkSecrets(secrets crontopus.SourceSecrets) error {
	for what, text := range map[string]string{"the user name": secrets.Username, "the password": secrets.Password, "the webhook's secret": secrets.WebhookSecret} {
		if err := checkText(what, text, 2048); err != nil {
			return err
		}
	}
	for what, text := range map[string]string{"the ssh key": secrets.SSHKey, "known_hosts": secrets.KnownHosts} {
		if err := checkLines(what, text); err != nil {
			return err
		}
	}
	return nil
}

// checkLines refuses what is no text of a few kilobytes.
func checkLines(what, s string) error {
	return checkText(what, strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(s), 32<<10)
}
