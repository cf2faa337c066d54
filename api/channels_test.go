package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func TestChannelsAreTriedAndSecretsNeverShown(t *testing.T) {
	s := newServer(t)
	admin := s.as(crontopus.RoleAdmin)
	require.NoError(t, admin.SetSecret(t.Context(), wire.SecretInput{Name: "slack", Value: "hunter2"}))
	require.NoError(t, admin.DeleteSecret(t.Context(), "slack"))
	list, err := admin.Secrets(t.Context())
	require.NoError(t, err)
	require.Equal(t, "slack", list.Items[0].Name)
	channels, err := s.as(crontopus.RoleViewer).Channels(t.Context())
	require.NoError(t, err)
	require.Equal(t, "secret:slack", channels.Items[0].Spec.Slack.URL)
	n, err := s.as(crontopus.RoleOperator).TestChannel(t.Context(), crontopus.JobName{Namespace: "production", Name: "ops"})
	require.NoError(t, err)
	require.Equal(t, "404 no_service", n.Attempts[0].Answer)
	_, err = s.as(crontopus.RoleViewer).TestChannel(t.Context(), crontopus.JobName{Namespace: "production", Name: "ops"})
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(s.as(crontopus.RoleOperator).SetSecret(t.Context(), wire.SecretInput{})))
}

func TestWhoIsToldIsShownWithWhereItStands(t *testing.T) {
	s := newServer(t)
	list, err := s.as(crontopus.RoleViewer).Alerting(t.Context())
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	said := list.Items[0]
	require.Equal(t, "critical", said.Policy.Metadata.Name)
	require.Equal(t, "ops", said.Policy.Spec.Notify[0].Channel)
	require.Nil(t, said.Channel)
	require.Nil(t, said.Window)
	require.Equal(t, "s1", said.SourceID)
	require.Equal(t, "alerting.yaml:4", fmt.Sprint(said.Path, ":", said.Line))
	require.Equal(t, "main@sha1:1", said.Revision)
}
