package crontopus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestAChangeOfCredentialsLeavesWhatItDoesNotName(t *testing.T) {
	was := crontopus.SourceSecrets{Username: "bot", Password: "old", SSHKey: "key", KnownHosts: "hosts", WebhookSecret: "hook"}
	require.Equal(t, was, was.With(crontopus.SourceSecrets{}))
	next := was
	next.Password = "new"
	require.Equal(t, next, was.With(crontopus.SourceSecrets{Password: "new"}))
	other := crontopus.SourceSecrets{Username: "1", Password: "2", SSHKey: "3", KnownHosts: "4", WebhookSecret: "5"}
	require.Equal(t, other, was.With(other))
}

func TestCredentialsAreNamedAndNotShown(t *testing.T) {
	require.Empty(t, crontopus.SourceSecrets{}.Names())
	require.Equal(t, []string{"password", "webhook secret"}, crontopus.SourceSecrets{Password: "hunter2", WebhookSecret: "hush"}.Names())
	all := crontopus.SourceSecrets{Username: "1", Password: "2", SSHKey: "3", KnownHosts: "4", WebhookSecret: "5"}
	require.Equal(t, []string{"user name", "password", "ssh key", "known_hosts", "webhook secret"}, all.Names())
}

func TestWhatIsFetchedBySSHNeedsAKeyAndAKnownServer(t *testing.T) {
	whole := crontopus.SourceSecrets{SSHKey: "key", KnownHosts: "hosts"}
	for address, keyscan := range map[string]string{
		"git@forge.example.com:ops/cron.git":            "ssh-keyscan forge.example.com ",
		"ssh://git@forge.example.com:2222/ops/cron.git": "ssh-keyscan -p 2222 forge.example.com ",
		"ssh://git@forge.example.com:22/ops/cron.git":   "ssh-keyscan forge.example.com ",
		"ssh://git@[2001:db8::1]:2222/ops/cron.git":     "ssh-keyscan -p 2222 2001:db8::1 ",
		"SSH://git@forge.example.com/ops/cron.git":      "ssh-keyscan forge.example.com ",
		"https://forge.example.com/ops/cron.git":        "",
		"file:///srv/cron.git":                          "",
		"forge.example.com:ops/cron.git":                "",
		"git@forge.example.com:22:ops/cron.git":         "",
		"":                                              "",
	} {
		require.NoError(t, whole.CheckFor(address), address)
		for _, part := range []crontopus.SourceSecrets{{}, {SSHKey: "key"}, {KnownHosts: "hosts"}, {Username: "bot", Password: "hunter2"}} {
			err := part.CheckFor(address)
			if keyscan == "" {
				require.NoError(t, err, address)
				continue
			}
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), address)
			require.ErrorContains(t, err, "is fetched by ssh")
			require.Contains(t, crontopus.ErrorHint(err), "--ssh-key-file and --known-hosts-file; "+keyscan)
		}
	}
}
