package filelock_test

import (
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
