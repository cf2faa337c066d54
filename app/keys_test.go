package app_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/keyfile"
	"crontopus.dev/crontopus/internal/pgtest"
)

func TestTheFirstStartMakesKeysThatOnlyTheServerReads(t *testing.T) {
	data := made(t)
	for name, mode := range map[string]fs.FileMode{
		"keys": 0o700, "keys/signing.pem": 0o600, "keys/recovery.pem": 0o600, "keys/box.key": 0o600, "admin.key": 0o600,
		"keys/recovery.pub": 0o644, // public, and beside it nothing that others reach
	} {
		info, err := os.Stat(filepath.Join(data, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	recovery, err := keyfile.Load(filepath.Join(data, "keys/recovery.pem"))
	require.NoError(t, err)
	public, err := os.ReadFile(filepath.Join(data, "keys/recovery.pub"))
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(recovery.Public().(ed25519.PublicKey))+"\n", string(public))
}

func TestTheFirstStartSaysThatTheRecoveryKeyBelongsOffline(t *testing.T) {
	o := options(t)
	for start, told := range []bool{true, false} {
		var log safeLog
		a, err := app.New(t.Context(), o, "v1.2.3", slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		require.NoError(t, run(t, a)())
		require.Equal(t, told, log.contains("made the recovery key; move it offline"), start)
		require.Equal(t, told, log.contains("file="+filepath.Join(o.Data, "keys", "recovery.pem")), start)
	}
}

// Who follows the hint has a server that runs, instead of the same hint again.
func TestTheKeyOfTheSecretBoxIsLostEverywhere(t *testing.T) {
	o := options(t)
	o.Database = pgtest.Database(t)
	require.NoError(t, run(t, open(t, o))())
	keys := filepath.Join(o.Data, "keys")
	require.NoError(t, os.Remove(filepath.Join(keys, "box.key")))
	_, hint := refused(t, o)
	require.NotContains(t, hint, "keys recover", "which makes no such key")
	require.Contains(t, hint, "openssl rand -hex 32 > "+filepath.Join(keys, "box.key"))
	makeBoxKey(t, o.Data)
	_, hint = refused(t, o)
	require.Contains(t, hint, "UPDATE installation SET box_key = ''")
	pgtest.SQL(t, o.Database, "UPDATE installation SET box_key = ''")
	require.NoError(t, run(t, open(t, o))())
}

func TestTheKeyOfTheSecretBoxIsLostWithSQLite(t *testing.T) {
	o := options(t)
	require.NoError(t, run(t, open(t, o))())
	file := filepath.Join(o.Data, "keys", "box.key")
	require.NoError(t, os.Remove(file))
	_, hint := refused(t, o)
	require.NoFileExists(t, file)
	require.Contains(t, hint, "openssl rand -hex 32 > "+file)
	require.NotContains(t, hint, "UPDATE", "one server agrees with itself")
	makeBoxKey(t, o.Data)
	require.NoError(t, run(t, open(t, o))())
}

// makeBoxKey makes another key of the secret box, as the server's hint says.
func makeBoxKey(t *testing.T, data string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(data, "keys", "box.key"), []byte(strings.Repeat("ab", 32)+"\n"), 0o600))
}

func TestTheNextStartKeepsEveryKey(t *testing.T) {
	data := made(t)
	before := map[string][]byte{}
	for _, name := range []string{"keys/signing.pem", "keys/recovery.pem", "keys/recovery.pub", "keys/box.key", "admin.key"} {
		text, err := os.ReadFile(filepath.Join(data, name))
		require.NoError(t, err)
		before[name] = text
	}
	start(t, data).stop()
	for name, text := range before {
		after, err := os.ReadFile(filepath.Join(data, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(text, after), name)
	}
}

// TestTheRecoveryKeyMayBeMovedOffline is what the documentation asks an operator to do.
func TestTheRecoveryKeyMayBeMovedOffline(t *testing.T) {
	data := made(t)
	private := filepath.Join(data, "keys/recovery.pem")
	require.NoError(t, os.Remove(private))
	start(t, data).stop()
	require.NoFileExists(t, private, "a second one would be one that no agent knows")
}

func TestKeysThatCannotBeTrustedStopTheStart(t *testing.T) {
	for _, c := range []struct {
		name       string
		harm       func(t *testing.T, keys string)
		says, hint string
	}{
		{"a signing key that others can read", func(t *testing.T, keys string) {
			require.NoError(t, os.Chmod(keys+"/signing.pem", 0o644))
		}, "signing.pem can be read by other users (mode 0644)", "run: chmod 600 "},
		{"a signing key that is cut off", func(t *testing.T, keys string) {
			require.NoError(t, os.Truncate(keys+"/signing.pem", 40))
		}, "signing.pem is not an ed25519 key in PEM (PKCS#8)", "restore the file from a backup"},
		{"an empty signing key", func(t *testing.T, keys string) {
			require.NoError(t, os.Truncate(keys+"/signing.pem", 0))
		}, "signing.pem is not an ed25519 key in PEM (PKCS#8)", "a new key is made only where no file is"},
		{"half a public recovery key", func(t *testing.T, keys string) {
			require.NoError(t, os.WriteFile(keys+"/recovery.pub", []byte(strings.Repeat("a", 32)+"\n"), 0o600))
		}, "recovery.pub is not a public key of 64 hex digits", "write the public half of recovery.pem into it"},
		{"a public recovery key in other letters", func(t *testing.T, keys string) {
			require.NoError(t, os.WriteFile(keys+"/recovery.pub", []byte(strings.Repeat("x", 64)+"\n"), 0o600))
		}, "recovery.pub is not a public key of 64 hex digits", "restore it from a backup"},
		{"an empty public recovery key", func(t *testing.T, keys string) {
			require.NoError(t, os.WriteFile(keys+"/recovery.pub", nil, 0o600))
		}, "recovery.pub is not a public key of 64 hex digits", "restore it from a backup"},
		{"a damaged key of the secret box", func(t *testing.T, keys string) {
			require.NoError(t, os.WriteFile(keys+"/box.key", []byte("short\n"), 0o600))
		}, "box.key", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := made(t)
			c.harm(t, filepath.Join(data, "keys"))
			o := app.Defaults()
			o.Listen, o.Data = "127.0.0.1:0", data
			_, err := app.New(t.Context(), o, "v1.2.3", slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, c.says)
			require.Contains(t, crontopus.ErrorHint(err), c.hint)
		})
	}
}
