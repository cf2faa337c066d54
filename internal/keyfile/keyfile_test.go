package keyfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/keyfile"
)

func TestAKeyIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	_, err := keyfile.Load(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	made, err := keyfile.LoadOrCreate(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	for range 2 {
		again, err := keyfile.LoadOrCreate(path)
		require.NoError(t, err)
		require.True(t, made.Equal(again))
	}
	loaded, err := keyfile.Load(path)
	require.NoError(t, err)
	require.True(t, made.Equal(loaded))
}

// As `openssl genpkey -algorithm ed25519` and `-algorithm EC` write them.
const (
	opensslEd25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n"
	opensslX25519  = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n"
)

func TestAnOpenSSLKeyIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(opensslEd25519), 0o600))
	key, err := keyfile.Load(path)
	require.NoError(t, err)
	require.Equal(t, byte(1), key.Seed()[0])
}

func TestWhatIsNoKeyIsRefusedAndLeftAlone(t *testing.T) {
	for name, content := range map[string]string{
		"empty":                   "",
		"not PEM":                 "hello",
		"half of one":             opensslEd25519[:60],
		"another kind of PEM":     "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"PEM without a key in it": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"a key of another kind":   opensslX25519,
		"far too long":            opensslEd25519 + string(make([]byte, 1<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := keyfile.LoadOrCreate(path)
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
			require.NotEmpty(t, crontopus.ErrorHint(err))
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, string(after))
		})
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	_, err := keyfile.LoadOrCreate(path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = keyfile.LoadOrCreate(path)
	require.ErrorContains(t, err, "can be read by other users (mode 0644)")
	require.Contains(t, crontopus.ErrorHint(err), "chmod 600")
}

func TestNoFolderForTheKey(t *testing.T) {
	_, err := keyfile.LoadOrCreate(filepath.Join(t.TempDir(), "none", "key"))
	require.ErrorContains(t, err, "cannot write the key")
}
