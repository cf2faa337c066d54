package app_test

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/internal/keyfile"
)

// host is an enrolled host's state folder and its way to a real server.
type host struct {
	agent.State
	*client.Client
	id *agent.Identity
}

func newHost(t *testing.T, server *running) *host {
	t.Helper()
	state := agent.State{Dir: filepath.Join(t.TempDir(), "state")}
	id, err := agent.Enroll(t.Context(), state, agent.Enrollment{Server: server.URL, Token: server.token(t, "db-01")})
	require.NoError(t, err)
	return (&host{State: state, id: id}).restarted(t)
}

// restarted is the host's program after it was started anew.
func (h *host) restarted(t *testing.T) *host {
	t.Helper()
	key, err := keyfile.Load(h.KeyFile())
	require.NoError(t, err)
	c, err := client.New(h.id.Server, client.WithAgent(h.id.AgentID, h.id.InstallationID, key))
	require.NoError(t, err)
	return &host{h.State, c, h.id}
}

// known asks something that only an agent may.
func (h *host) known(t *testing.T) error {
	return h.Report(t.Context(), crontopus.AgentReport{At: time.Now()})
}

// losing is a server whose answers are lost on the way.
type losing struct{ *client.Client }

func (l losing) RotateAgentKey(ctx context.Context, next ed25519.PrivateKey) error {
	if err := l.Client.RotateAgentKey(ctx, next); err != nil {
		return err
	}
	return crontopus.Errorf(crontopus.CodeUnavailable, "connection reset")
}

// Whoever waited for the other has read the key that it replaced.
func TestTwoCommandsChangeTheKeyOneAfterTheOther(t *testing.T) {
	t.Parallel()
	h := newHost(t, start(t, filepath.Join(t.TempDir(), "data")))
	other := h.restarted(t)
	require.NoError(t, agent.RotateKey(t.Context(), h.State, h))
	require.NoError(t, agent.RotateKey(t.Context(), other.State, other))
	require.NoError(t, other.known(t))
	require.NoError(t, other.restarted(t).known(t))
	require.NoFileExists(t, h.NextKeyFile())
}

func TestAHostChangesItsKey(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(t.TempDir(), "data"))
	h := newHost(t, server)
	daemon := h.restarted(t)
	require.NoError(t, daemon.known(t))
	last := h.AgentKey()

	require.NoError(t, agent.RotateKey(t.Context(), h.State, h))
	require.NoError(t, h.known(t))
	require.NoError(t, h.restarted(t).known(t))
	require.NoFileExists(t, h.NextKeyFile())
	info, err := os.Stat(h.KeyFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	// The daemon still has the key of before, until it is refused.
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(daemon.known(t)))
	reloaded, err := agent.ReloadKey(t.Context(), daemon.State, daemon)
	require.NoError(t, err)
	require.True(t, reloaded)
	require.NoError(t, daemon.known(t))
	reloaded, err = agent.ReloadKey(t.Context(), daemon.State, daemon)
	require.NoError(t, err)
	require.False(t, reloaded, "nothing more to reload")

	daemon.UseAgentKey(last)
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(daemon.RotateAgentKey(t.Context(), last)), "the old key is nobody's")
}

func TestAChangeOfTheKeyThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breakOff func(t *testing.T, h *host)
		goOn     func(t *testing.T, h *host) error
	}{
		"before the server heard of it, by the command": {func(t *testing.T, h *host) {
			_, err := keyfile.LoadOrCreate(h.NextKeyFile())
			require.NoError(t, err)
		}, func(t *testing.T, h *host) error { return agent.RotateKey(t.Context(), h.State, h) }},
		"after the server heard of it, by the command": {func(t *testing.T, h *host) {
			require.Error(t, agent.RotateKey(t.Context(), h.State, losing{h.Client}))
		}, func(t *testing.T, h *host) error { return agent.RotateKey(t.Context(), h.State, h) }},
		"after the server heard of it, by the daemon": {func(t *testing.T, h *host) {
			require.Error(t, agent.RotateKey(t.Context(), h.State, losing{h.Client}))
		}, func(t *testing.T, h *host) error {
			require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(h.known(t)))
			reloaded, err := agent.ReloadKey(t.Context(), h.State, h)
			require.True(t, reloaded)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, start(t, filepath.Join(t.TempDir(), "data")))
			last := h.AgentKey()
			c.breakOff(t, h)
			h = h.restarted(t)
			require.Equal(t, last, h.AgentKey(), "the next key is not in its place yet")
			require.NoError(t, c.goOn(t, h))
			require.NoError(t, h.known(t))
			h = h.restarted(t)
			require.NotEqual(t, last, h.AgentKey())
			require.NoError(t, h.known(t))
			require.NoFileExists(t, h.NextKeyFile())
		})
	}
}

func TestARevokedAgentGetsNoOtherKey(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(t.TempDir(), "data"))
	h := newHost(t, server)
	_, err := server.RevokeAgent(t.Context(), "db-01")
	require.NoError(t, err)
	last := h.AgentKey()
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(agent.RotateKey(t.Context(), h.State, h)))
	require.Equal(t, last, h.restarted(t).AgentKey())
	_, err = agent.ReloadKey(t.Context(), h.State, h)
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(err))
}
