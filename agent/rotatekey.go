package agent

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/filelock"
	"crontopus.dev/crontopus/internal/keyfile"
)

// KeyServer is the server as a change of the host's key sees it; *client.Client is one.
type KeyServer interface {
	// AgentKey is the key that requests are signed with, and UseAgentKey changes it.
	AgentKey() ed25519.PrivateKey
	UseAgentKey(key ed25519.PrivateKey)
	// RotateAgentKey tells the server of the next key. Asking again, with either, changes nothing.
	RotateAgentKey(ctx context.Context, next ed25519.PrivateKey) error
}

// RotateKey gives this host another key. The next one is on the disk before the server
// hears of it, and takes the place of the last one afterwards; wherever that breaks off,
// doing it again, or ReloadKey, goes on.
func RotateKey(ctx context.Context, state State, server KeyServer) error {
	lock, err := filelock.Wait(state.keyLockFile())
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot lock the host's key: %w", err).WithHint("run as the user who owns %s", state.Dir)
	}
	defer lock.Close()
	key, err := keyfile.Load(state.KeyFile()) // another one may have changed it while this one waited
	if err != nil {
		return err
	}
	server.UseAgentKey(key)
	next, err := keyfile.LoadOrCreate(state.NextKeyFile())
	if err != nil {
		return err
	}
	last := server.AgentKey()
	err = server.RotateAgentKey(ctx, next)
	if crontopus.ErrorCode(err) == crontopus.CodeUnauthorized {
		// It may have been told before, and we not have heard its answer.
		server.UseAgentKey(next)
		err = server.RotateAgentKey(ctx, next)
	}
	if err != nil {
		server.UseAgentKey(last)
		return err
	}
	server.UseAgentKey(next)
	if err := atomicfile.Move(state.NextKeyFile(), state.KeyFile()); err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "the server knows the host's next key, but it cannot be put in its place: %w", err).
			WithHint("run `crontopus-agent rotate-key` again as the user who owns %s", state.Dir)
	}
	return nil
}

// ReloadKey is for an agent that the server does not know any more: it takes over a key
// that a command has changed since, or goes on with a change that broke off. It reports whether there
// was one.
func ReloadKey(ctx context.Context, state State, server KeyServer) (bool, error) {
	key, err := keyfile.Load(state.KeyFile())
	if err != nil {
		return false, err
	}
	if !key.Equal(server.AgentKey()) {
		server.UseAgentKey(key)
		return true, nil
	}
	if _, err := os.Stat(state.NextKeyFile()); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, RotateKey(ctx, state, server)
}

// withReload asks the server, and once more where it did not know this agent but the host
// has another key since. reload may be nil: there is nothing to reload.
func withReload(ctx context.Context, reload func(context.Context) (bool, error), ask func() error) error {
	err := ask()
	if crontopus.ErrorCode(err) != crontopus.CodeUnauthorized || reload == nil {
		return err
	}
	if reloaded, failed := reload(ctx); failed != nil || !reloaded {
		return err
	}
	return ask()
}
