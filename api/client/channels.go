package client

import (
	"context"
	"net/http"
	"net/url"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// Channels lists the channels of the repositories.
func (c *Client) Channels(ctx context.Context) (wire.List[crontopus.NotificationChannel], error) {
	return get[wire.List[crontopus.NotificationChannel]](ctx, c, "/api/v1/channels", nil)
}

// Alerting lists the policies, channels and windows of the repositories, and where they stand.
func (c *Client) Alerting(ctx context.Context) (wire.List[wire.Alerting], error) {
	return get[wire.List[wire.Alerting]](ctx, c, "/api/v1/alerting", nil)
}

// TestChannel sends one message to a channel and returns it with its attempt.
func (c *Client) TestChannel(ctx context.Context, name crontopus.JobName) (crontopus.Notification, error) {
	return post[crontopus.Notification](ctx, c, "/api/v1/channels/"+url.PathEscape(name.Namespace)+"/"+url.PathEscape(name.Name)+"/test", nil)
}

// Secrets lists the secrets by their names.
func (c *Client) Secrets(ctx context.Context) (wire.List[crontopus.Secret], error) {
	return get[wire.List[crontopus.Secret]](ctx, c, "/api/v1/secrets", nil)
}

// SetSecret stores a secret in the place of one of that name.
func (c *Client) SetSecret(ctx context.Context, in wire.SecretInput) error {
	_, err := post[nothing](ctx, c, "/api/v1/secrets", in)
	return err
}

// DeleteSecret forgets a secret.
func (c *Client) DeleteSecret(ctx context.Context, name string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: "/api/v1/secrets/" + url.PathEscape(name)})
	return err
}
