package syncer_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

func TestSourcesBySSH(t *testing.T) {
	logs := &recorder{}
	var server *gittest.SSHServer
	h := newHouse(t, func(h *house) {
		server = h.repo.ServeSSH(t)
		h.opts.Log = slog.New(logs)
		h.addSource(sourceID, server.URL, "")
	})
	h.secrets[sourceID] = crontopus.SourceSecrets{SSHKey: strings.TrimSpace(server.Key), KnownHosts: server.KnownHosts}
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	h.repo.Commit(t, "second", map[string]string{"a.yaml": manifest("a", "two")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, "two", h.job(t, sourceID, "test/a").Job.Spec.Run.Command[1])
	require.NoFileExists(t, h.mirror()+".known_hosts")

	keyscan := "ssh-keyscan -p " + strings.TrimPrefix(server.Address, "127.0.0.1:") + " 127.0.0.1 > F, then crontopus sources credentials name-of-src-1 --known-hosts-file F"
	for name, c := range map[string]struct {
		secrets crontopus.SourceSecrets
		state   string
		message string
	}{
		"no key":            {crontopus.SourceSecrets{KnownHosts: server.KnownHosts}, "false AuthenticationFailed", "crontopus sources credentials name-of-src-1 --ssh-key-file F --known-hosts-file F"},
		"a key with a typo": {crontopus.SourceSecrets{SSHKey: "hello", KnownHosts: server.KnownHosts}, "false AuthenticationFailed", "no passphrase: crontopus sources credentials name-of-src-1 --ssh-key-file F"},
		"a key that the server does not let in": {crontopus.SourceSecrets{SSHKey: gittest.NewSSHKey(t), KnownHosts: server.KnownHosts},
			"false AuthenticationFailed", "as a deploy key"},
		"no known hosts": {crontopus.SourceSecrets{SSHKey: server.Key}, "false VerificationFailed", keyscan},
		"another host's line": {crontopus.SourceSecrets{SSHKey: server.Key,
			KnownHosts: strings.Replace(server.KnownHosts, "127.0.0.1", "127.0.0.2", 1)}, "false VerificationFailed", "is not known"},
		"another key": {crontopus.SourceSecrets{SSHKey: server.Key, KnownHosts: h.repo.ServeSSH(t).LineFor(server.Address)},
			"false VerificationFailed", "is another than"},
		"nonsense": {crontopus.SourceSecrets{SSHKey: server.Key, KnownHosts: "hello"}, "false VerificationFailed", "cannot be read; make them with: " + keyscan},
		"a revoked key": {crontopus.SourceSecrets{SSHKey: server.Key, KnownHosts: "@revoked " + server.KnownHosts + "\n" + server.KnownHosts},
			"false VerificationFailed", "is marked @revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			h.mu.Lock()
			h.secrets[sourceID] = c.secrets
			h.mu.Unlock()
			status := h.sync(t, sourceID)
			require.Contains(t, requireState(t, c.state, status), c.message)
			stalled, _ := stateOf(status, crontopus.ConditionStalled)
			require.Equal(t, strings.Replace(c.state, "false", "true", 1), stalled)
			require.Nil(t, status.NextAttemptAt, "a person must act")
			require.Len(t, h.jobs(sourceID), 1, "the last good ones stay")
		})
	}
	h.mu.Lock()
	h.secrets[sourceID] = crontopus.SourceSecrets{SSHKey: server.Key, KnownHosts: server.KnownHosts}
	h.mu.Unlock()
	requireState(t, "true Synced", h.sync(t, sourceID))
	secret := strings.Split(server.Key, "\n")[2]
	require.NotContains(t, logs.text(), secret)
	require.NotContains(t, fmt.Sprint(h.syncs, h.status(sourceID)), secret)
}

func TestSSHGoesThroughTheGuard(t *testing.T) {
	var server *gittest.SSHServer
	h := newHouse(t, func(h *house) {
		server = h.repo.ServeSSH(t)
		h.opts.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		h.addSource(sourceID, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), "") // a name: known at the dial only
	})
	h.secrets[sourceID] = crontopus.SourceSecrets{SSHKey: server.Key, KnownHosts: strings.Replace(server.KnownHosts, "127.0.0.1", "localhost", 1)}
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	require.Contains(t, requireState(t, "false FetchFailed", h.sync(t, sourceID)), "--allow-network 127.0.0.1/32")
}
