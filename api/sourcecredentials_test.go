package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

func TestASourceBySSHKeepsItsKeyInTheBox(t *testing.T) {
	s := newServer(t)
	c := s.as(crontopus.RoleAdmin)
	want := crontopus.SourceSecrets{SSHKey: "BEGIN\nEND\n", KnownHosts: "git.example.com ssh-ed25519 AAAA", WebhookSecret: "hush"}
	in := wire.SourceInput{Name: "by-ssh", URL: "ssh://git@git.example.com/ops/jobs.git",
		SSHKey: want.SSHKey, KnownHosts: want.KnownHosts, WebhookSecret: want.WebhookSecret}
	added, err := c.AddSource(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, want, s.store.secrets[added.Source.ID])
	for _, noKey := range []string{"a\x00b", strings.Repeat("a", 33<<10)} {
		in.Name, in.SSHKey = "no-text", noKey
		_, err := c.AddSource(t.Context(), in)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
	}
	for name, miss := range map[string]func(*wire.SourceInput){
		"key":         func(in *wire.SourceInput) { in.SSHKey = "" },
		"known_hosts": func(in *wire.SourceInput) { in.KnownHosts = "" },
	} {
		in.Name, in.SSHKey, in.KnownHosts = "incomplete", want.SSHKey, want.KnownHosts
		miss(&in)
		_, err := c.AddSource(t.Context(), in)
		require.ErrorContains(t, err, "is fetched by ssh", name)
		require.Contains(t, crontopus.ErrorHint(err), "--ssh-key-file and --known-hosts-file")
	}
}

func TestCredentialsAreChangedOneByOne(t *testing.T) {
	s := newServer(t)
	c := s.as(crontopus.RoleAdmin)
	s.store.change(func() {
		s.store.secrets["src-1"] = crontopus.SourceSecrets{Username: "bot", Password: "expired", WebhookSecret: "hush"}
	})
	changed, err := c.ChangeSourceCredentials(t.Context(), "ops", wire.SourceCredentials{Password: "fresh"})
	require.NoError(t, err)
	require.Equal(t, wire.SourceCredentialsChanged{WebhookURL: "https://cron.example.com/hooks/forgejo/src-1"}, changed)
	require.Equal(t, crontopus.SourceSecrets{Username: "bot", Password: "fresh", WebhookSecret: "hush"}, s.store.secrets["src-1"])
	require.Equal(t, []string{"key:the admin"}, s.store.actors)
	require.EqualValues(t, 1, s.syncs.Load(), "the syncer is woken to find out")

	changed, err = c.ChangeSourceCredentials(t.Context(), "ops", wire.SourceCredentials{WebhookSecret: "chosen"})
	require.NoError(t, err)
	require.Empty(t, changed.WebhookSecret, "who sent it knows it")
	require.Equal(t, "chosen", s.store.secrets["src-1"].WebhookSecret)

	changed, err = c.ChangeSourceCredentials(t.Context(), "ops", wire.SourceCredentials{NewWebhookSecret: true})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(changed.WebhookSecret, token.Webhook+"_"))
	require.Equal(t, crontopus.SourceSecrets{Username: "bot", Password: "fresh", WebhookSecret: changed.WebhookSecret}, s.store.secrets["src-1"])
	require.NotContains(t, s.log.String(), changed.WebhookSecret)
	require.NotContains(t, s.log.String(), "fresh")
}

func TestCredentialsThatDoNotOpenGiveWayToWhatIsSent(t *testing.T) {
	s := newServer(t)
	c := s.as(crontopus.RoleAdmin)
	s.store.change(func() { s.store.lost = true })
	changed, err := c.ChangeSourceCredentials(t.Context(), "ops", wire.SourceCredentials{Username: "bot", Password: "fresh"})
	require.NoError(t, err)
	require.True(t, changed.Replaced)
	require.True(t, strings.HasPrefix(changed.WebhookSecret, token.Webhook+"_"), "the forge has to be told another")
	require.Equal(t, crontopus.SourceSecrets{Username: "bot", Password: "fresh", WebhookSecret: changed.WebhookSecret}, s.store.secrets["src-1"])

	changed, err = c.ChangeSourceCredentials(t.Context(), "ops", wire.SourceCredentials{Password: "fresh", WebhookSecret: "chosen"})
	require.NoError(t, err)
	require.Equal(t, wire.SourceCredentialsChanged{WebhookURL: changed.WebhookURL, Replaced: true}, changed)
	require.Equal(t, "chosen", s.store.secrets["src-1"].WebhookSecret)
}

func TestCredentialsThatAreNotChanged(t *testing.T) {
	s := newServer(t)
	before := s.store.secrets["src-1"]
	for name, in := range map[string]wire.SourceCredentials{
		"nothing":             {},
		"two webhook secrets": {WebhookSecret: "chosen", NewWebhookSecret: true},
		"an endless password": {Password: strings.Repeat("x", 3000)},
		"a user with a NUL":   {Username: "a\x00"},
		"a key of all disks":  {SSHKey: strings.Repeat("x", 33<<10)},
	} {
		_, err := s.as(crontopus.RoleAdmin).ChangeSourceCredentials(t.Context(), "ops", in)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), name)
	}
	fine := wire.SourceCredentials{Password: "fresh"}
	_, err := s.as(crontopus.RoleAdmin).ChangeSourceCredentials(t.Context(), "none", fine)
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	_, err = s.as(crontopus.RoleOperator).ChangeSourceCredentials(t.Context(), "ops", fine)
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err), "who may sync does not say whom the server logs in as")
	require.Equal(t, before, s.store.secrets["src-1"])
	require.Zero(t, s.syncs.Load())
}
