package failpoint_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// formats: each file is as its author wrote it, or formatted, and the next time all are.
func formats(t *testing.T) act {
	const written, formatted = "kind: Job\napiVersion:   crontopus.dev/v1\n", "apiVersion: crontopus.dev/v1\nkind: Job\n"
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")}
	are := func(t testing.TB, either ...string) {
		t.Helper()
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, slices.Contains(either, string(data)), "%s", data)
		}
	}
	return act{
		before: func(t testing.TB) {
			for _, file := range files {
				require.NoError(t, os.WriteFile(file, []byte(written), 0o600))
			}
		},
		do: func(t testing.TB, env ...string) *process { return start(t, dir, env, "crontopus", "fmt") },
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			are(t, formatted)
		},
		killed: func(t testing.TB) { are(t, written, formatted) },
	}
}
