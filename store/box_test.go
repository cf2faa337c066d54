package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

func TestBoxOpensWhatItSealed(t *testing.T) {
	box := newBox(t)
	rapid.Check(t, func(t *rapid.T) {
		aad, plain := rapid.SliceOf(rapid.Byte()).Draw(t, "aad"), rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		got, err := box.Open(aad, box.Seal(aad, plain))
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
	})
}

func TestBoxRefusesEverythingElse(t *testing.T) {
	box := newBox(t)
	blob := box.Seal([]byte("default/1"), []byte("hunter2"))
	require.NotContains(t, string(blob), "hunter2")
	require.NotEqual(t, blob, box.Seal([]byte("default/1"), []byte("hunter2")), "a fresh nonce each time")

	_, err := box.Open([]byte("other/1"), blob)
	require.Equal(t, crontopus.CodeInternal, crontopus.ErrorCode(err), "another row")
	for i := range blob {
		changed := bytes.Clone(blob)
		changed[i] ^= 1
		_, err := box.Open([]byte("default/1"), changed)
		require.Error(t, err, "byte %d changed", i)
		_, err = box.Open([]byte("default/1"), blob[:i])
		require.Error(t, err, "cut at %d", i)
	}
}

func TestBoxNamesTheKeyThatIsMissing(t *testing.T) {
	other, err := store.NewBox("older", [32]byte{2})
	require.NoError(t, err)
	_, err = newBox(t).Open(nil, other.Seal(nil, []byte("x")))
	require.ErrorIs(t, err, crontopus.ErrDoesNotOpen)
	require.Contains(t, crontopus.ErrorHint(err), `"older"`)
	for _, id := range []string{"", string(make([]byte, 256))} {
		_, err = store.NewBox(id, [32]byte{})
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
	}
}

func TestBoxKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "box.key")
	first, err := store.LoadOrCreateBox(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	again, err := store.LoadOrCreateBox(path)
	require.NoError(t, err)
	plain, err := again.Open(nil, first.Seal(nil, []byte("x")))
	require.NoError(t, err)
	require.Equal(t, "x", string(plain))
}

func TestBoxKeyFileThatWillNotDo(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		content string
		mode    os.FileMode
		code    string
	}{
		"readable by others": {string(bytes.Repeat([]byte("ab"), 32)), 0o644, crontopus.CodeForbidden},
		"empty":              {"", 0o600, crontopus.CodeInvalid},
		"too short":          {"abcd", 0o600, crontopus.CodeInvalid},
		"too long":           {string(bytes.Repeat([]byte("ab"), 40)), 0o600, crontopus.CodeInvalid},
		"not hex":            {string(bytes.Repeat([]byte("xy"), 32)), 0o600, crontopus.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(path, []byte(test.content), test.mode))
			_, err := store.LoadOrCreateBox(path)
			require.Equal(t, test.code, crontopus.ErrorCode(err))
			require.NotEmpty(t, crontopus.ErrorHint(err))
		})
	}
	_, err := store.LoadOrCreateBox(filepath.Join(dir, "gone", "box.key"))
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
}
