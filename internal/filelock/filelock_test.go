package filelock_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/filelock"
)

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := filelock.TryLock(path)
	require.NoError(t, err)

	_, err = filelock.TryLock(path)
	require.ErrorIs(t, err, filelock.ErrLocked)

	got := make(chan *filelock.Lock)
	go func() {
		second, err := filelock.Wait(path)
		if err != nil {
			close(got)
			return
		}
		got <- second
	}()
	require.NoError(t, first.Close())
	second := <-got
	require.NotNil(t, second)
	require.NoError(t, second.Close())
}

func TestAFolderThatIsGone(t *testing.T) {
	_, err := filelock.TryLock(filepath.Join(t.TempDir(), "gone", "lock"))
	require.ErrorContains(t, err, "no such file or directory")
	require.NotErrorIs(t, err, filelock.ErrLocked)
}

func TestANoteIsTheLastOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	_, err := filelock.Note(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	lock, err := filelock.TryLock(path)
	require.NoError(t, err)
	for _, text := range []string{"", "a long note\n", "short", ""} {
		require.NoError(t, lock.SetNote(text))
		for name, read := range map[string]func() (string, error){"others": func() (string, error) { return filelock.Note(path) }, "its holder": lock.Note} {
			got, err := read()
			require.NoError(t, err, name)
			require.Equal(t, text, got, name)
		}
	}
	require.NoError(t, lock.Close())
}
