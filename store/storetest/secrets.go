package storetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var secretCases = cases{
	"a secret is listed by its name, with who set it, and never with its value": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.SetSecret(t.Context(), here, "key:one", "slack", []byte("hunter2")))
		require.NoError(t, s.SetSecret(t.Context(), here, "key:two", "slack", []byte("hunter3")))
		require.NoError(t, s.SetSecret(t.Context(), here, "key:one", "mail", []byte("x")))
		list, err := s.Secrets(t.Context(), here)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, "mail", list[0].Name)
		require.Equal(t, "slack", list[1].Name)
		require.Equal(t, "key:two", list[1].UpdatedBy)
		require.False(t, list[1].UpdatedAt.IsZero())
		audit, _, err := s.Audit(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Equal(t, "secret.set", audit[0].Action)
		for _, entry := range audit {
			require.NotContains(t, entry.Detail+entry.Object, "hunter")
		}
	},
	"a secret that is deleted is gone": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.SetSecret(t.Context(), here, actor, "slack", []byte("hunter2")))
		require.NoError(t, s.DeleteSecret(t.Context(), here, actor, "slack"))
		list, err := s.Secrets(t.Context(), here)
		require.NoError(t, err)
		require.Empty(t, list)
		err = s.DeleteSecret(t.Context(), here, actor, "slack")
		requireCode(t, crontopus.CodeNotFound, err)
		require.Contains(t, crontopus.ErrorHint(err), "secrets list", "who deletes does not want to store it")
	},
	"a channel is mute until all that it refers to is stored": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		hook := channel(src, "hook")
		hook.Channel.Spec = crontopus.ChannelSpec{Type: crontopus.ChannelWebhook, Webhook: &crontopus.WebhookChannel{
			URL: "https://hooks.example.com", Secrets: []string{"secret:new", "secret:old", "secret:new"}}}
		require.NoError(t, w.alert(src, channel(src, "chat"), hook))
		require.NoError(t, s.SetSecret(t.Context(), here, actor, "old", []byte("x")))
		mute, err := s.MuteChannels(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, []crontopus.MuteChannel{
			{Channel: channel(src, "chat").Channel.Name(), Missing: []string{"slack-url"}}, {Channel: hook.Channel.Name(), Missing: []string{"new"}},
		}, mute)
		require.NoError(t, s.SetSecret(t.Context(), here, actor, "new", []byte("x")))
		require.NoError(t, s.SetSecret(t.Context(), here, actor, "slack-url", []byte("x")))
		mute, err = s.MuteChannels(t.Context(), here)
		require.NoError(t, err)
		require.Empty(t, mute)
	},
	"what cannot be a secret is refused": func(t *testing.T, s *store.Store) {
		requireCode(t, crontopus.CodeInvalid, s.SetSecret(t.Context(), here, actor, "no name", []byte("x")))
		requireCode(t, crontopus.CodeInvalid, s.SetSecret(t.Context(), here, actor, "empty", nil))
		requireCode(t, crontopus.CodeInvalid, s.SetSecret(t.Context(), here, actor, "huge", []byte(strings.Repeat("x", 9<<10))))
	},
}
