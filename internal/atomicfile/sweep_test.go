package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/atomicfile"
)

func TestSweepTakesWhatKilledWritersLeftLongAgo(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{".crontopus-1": 2 * time.Hour, ".crontopus-2": time.Minute, "key": 2 * time.Hour, ".other": 2 * time.Hour} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.NoError(t, os.Chtimes(file, now.Add(-age), now.Add(-age)))
	}
	folder := filepath.Join(dir, ".crontopus-folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Chtimes(folder, time.Unix(1, 0), time.Unix(1, 0)))

	atomicfile.Sweep(dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	require.Equal(t, []string{".crontopus-2", ".crontopus-folder", ".other", "key"}, left)

	atomicfile.Sweep(filepath.Join(dir, "gone")) // is nobody's trouble
}
