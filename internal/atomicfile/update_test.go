package atomicfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/atomicfile"
)

// put updates a file to the text and returns what was there.
func put(t testing.TB, name, text string) (old string) {
	t.Helper()
	require.NoError(t, atomicfile.Update(name, func(content []byte) []byte {
		old = string(content)
		return []byte(text)
	}))
	return old
}

// content reads what is there, and changes nothing.
func content(t testing.TB, name string) (now string) {
	t.Helper()
	require.NoError(t, atomicfile.Update(name, func(content []byte) []byte {
		now = string(content)
		return nil
	}))
	return now
}

func TestUpdateSeesWhatWasWrittenLast(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	require.Empty(t, put(t, name, "one"))
	for i, text := range []string{"two", "", "three\nlines\n\x00", strings.Repeat("x", atomicfile.MaxUpdate), "short"} {
		before := content(t, name)
		require.Equal(t, before, put(t, name, text), i)
		require.Equal(t, text, content(t, name), i)
	}
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.EqualValues(t, 1024, info.Size(), "it does not grow")
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestUpdateTakesOverWhatWriteWrote(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	require.NoError(t, atomicfile.Write(name, []byte("{\n}\n"), 0o600))
	require.Equal(t, "{\n}\n", put(t, name, "one"))
	require.Equal(t, "one", put(t, name, "two"))
	require.Equal(t, "two", put(t, name, "three"))
	require.Equal(t, "three", content(t, name))
}

// Whatever part of a version has come to the disk, the one before it is still there.
func TestAnUpdateThatIsCutOff(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "two", "three"} {
		put(t, name, text)
	}
	before, err := os.ReadFile(name)
	require.NoError(t, err)
	put(t, name, "four")
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	for cut := range after {
		torn := append(bytes.Clone(after[:cut]), before[cut:]...)
		require.NoError(t, os.WriteFile(name, torn, 0o600))
		require.Contains(t, []string{"three", "four"}, content(t, name), "after %d bytes", cut)
	}
	require.NoError(t, os.WriteFile(name, after[:512], 0o600)) // a file that had not grown yet
	require.Equal(t, "four", content(t, name))
}

func TestOfManyUpdatesNoneIsLost(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				err := atomicfile.Update(name, func(content []byte) []byte {
					n := 0
					_, _ = fmt.Sscan(string(content), &n) // empty at first
					return fmt.Append(nil, n+1)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, "80", content(t, name))
}

func TestUpdatesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	same := func(content []byte) []byte { return append(content, 'x') }
	require.ErrorIs(t, atomicfile.Update(filepath.Join(dir, "gone", "f"), same), os.ErrNotExist)
	name := filepath.Join(dir, "f")
	put(t, name, "one")
	require.ErrorContains(t, atomicfile.Update(name, func([]byte) []byte { return make([]byte, atomicfile.MaxUpdate+1) }), "449 bytes are more than the 448 that fit")
	require.Equal(t, "one", content(t, name))
}

func FuzzUpdate(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte("0000000000000001 0003 00000000\none"))
	f.Add(bytes.Repeat([]byte("ffffffffffffffff ffff ffffffff\n"), 40))
	name := filepath.Join(f.TempDir(), "f")
	f.Fuzz(func(t *testing.T, file []byte) {
		require.NoError(t, os.WriteFile(name, file, 0o600))
		put(t, name, "one")
		require.Equal(t, "one", put(t, name, "two"))
		require.Equal(t, "two", content(t, name))
	})
}
