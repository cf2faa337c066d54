package docs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/cli"
	"crontopus.dev/crontopus/internal/gittest"
)

// TestTheExampleOfDiffIsWhatItPrints does what diff.md tells: two states of a file, a list of
// hosts, a command, and what it printed, in this order.
func TestTheExampleOfDiffIsWhatItPrints(t *testing.T) {
	text, err := os.ReadFile("diff.md")
	require.NoError(t, err)
	var blocks []block
	for _, b := range (page{"docs/diff.md", string(text)}).blocks()[1:] {
		if len(blocks) < 5 {
			blocks = append(blocks, b)
		}
	}
	before, after, hosts, command, printed := blocks[0], blocks[1], blocks[2], blocks[3], blocks[4]
	repo := gittest.NewRepo(t)
	repo.Commit(t, "before", map[string]string{"jobs/backup.yaml": before.text})
	require.NoError(t, os.MkdirAll(filepath.Join(repo.Dir, "jobs"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(repo.Dir, "jobs", "backup.yaml"), []byte(after.text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(repo.Dir, "hosts.yaml"), []byte(hosts.text), 0o600))
	page, err := filepath.Abs("diff.md")
	require.NoError(t, err)
	t.Chdir(repo.Dir)

	var stdout, stderr bytes.Buffer
	words := split(strings.TrimSpace(command.text))
	require.Equal(t, "crontopus", words[0])
	require.Equal(t, 1, cli.Main(t.Context(), words[1:], strings.NewReader(""), &stdout, &stderr), stderr.String())
	if *update {
		require.Equal(t, 1, strings.Count(string(text), "```text\n"))
		changed := strings.Replace(string(text), "```text\n"+printed.text, "```text\n"+stdout.String(), 1)
		require.NoError(t, os.WriteFile(page, []byte(changed), 0o644))
		return
	}
	require.Equal(t, stdout.String(), printed.text, "go test ./docs -run TestTheExampleOfDiff -update")
}
