package api

import (
	"context"
	"net/http"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type channelStore interface {
	Channels(ctx context.Context, tenant crontopus.TenantID) ([]crontopus.NotificationChannel, error)
}

// TestChannel sends one message to a channel, and returns what came of it.
type TestChannel func(ctx context.Context, tenant crontopus.TenantID, actor string, channel crontopus.JobName) (crontopus.Notification, error)

// channels shows the channels of the repositories and tries them.
type channels struct {
	store channelStore
	test  TestChannel
}

func (s channels) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/channels", "list-channels", tagAccess, "List the channels", "As the repositories have them: with the names of secrets."), s.list)
	add(r, operator, operation(http.MethodPost, "/api/v1/channels/{namespace}/{name}/test", "test-channel", tagAccess, "Send a test to a channel",
		"One message at once, as any other is sent. The answer holds the attempt, whether it went well or not."), s.try)
}

func (s channels) list(ctx context.Context, _ *struct{}) (*body[wire.List[crontopus.NotificationChannel]], error) {
	list, err := s.store.Channels(ctx, callerOf(ctx).tenant)
	if err != nil {
		return nil, err
	}
	return listOf(list, ""), nil
}

func (s channels) try(ctx context.Context, in *struct {
	Namespace string `path:"namespace"`
	Name      string `path:"name"`
}) (*body[crontopus.Notification], error) {
	c := callerOf(ctx)
	n, err := s.test(ctx, c.tenant, c.actor(), crontopus.JobName{Namespace: in.Namespace, Name: in.Name})
	if err != nil {
		return nil, err
	}
	return answer(n), nil
}
