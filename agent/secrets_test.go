package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestASecretThatSomebodyElseMayHavePutThereIsRefused(t *testing.T) {
	me, top := os.Geteuid(), filepath.Join(t.TempDir(), "etc")
	file := filepath.Join(top, "secrets", "app", "key")
	kept := func(path string) error { return keptBy(me, top, path) }
	read := func() (string, error) {
		values, err := readSecrets(map[string]string{"KEY": "file:" + file}, State{Dir: t.TempDir()}, kept)
		return values["KEY"], err
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("hunter2\n"), 0o600))
	value, err := read()
	require.NoError(t, err)
	require.Equal(t, "hunter2", value)
	for _, path := range []string{top, filepath.Dir(filepath.Dir(file)), filepath.Dir(file), file} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, info.Mode()|0o020))
		_, err = read()
		require.ErrorContains(t, err, "the secret KEY: "+path+" can be written by other users")
		require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
		require.NoError(t, os.Chmod(path, info.Mode()))
	}
	require.ErrorContains(t, keptBy(me+1, top, file), "belongs to the user with the id")
	require.NoError(t, os.Chmod(filepath.Dir(top), 0o777))
	require.NoError(t, kept(file), "what is above the top is not asked")
}
