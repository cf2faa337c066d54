package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// local are the commands that need neither a server nor Git.
var local = []string{"validate", "schedule", "import", "init", "explain", "forecast", "fmt"}

// TestPagesSayWhatTheirCommandsDo runs the commands of each example's page in a copy of the
// example. Those in a sh block must end well; a console block also has what they print.
// Where the manifests were made of an original, they are made again.
func TestPagesSayWhatTheirCommandsDo(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, r := range repositories(t) {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(r.name)))
		_, err := os.Stat(filepath.Join(dir, "original"))
		imported := err == nil
		if imported {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "jobs")))
		}
		page := r.readme(t)
		var again strings.Builder
		language := ""
		for line := range strings.Lines(page) {
			fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
			command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			switch {
			case isFence && language == "":
				language = fence
			case isFence:
				language = ""
			case language == "sh" && isLocal(line):
				ran++
				out, err := run(t, dir, line)
				require.NoError(t, err, "%s: %s%s", r.name, line, out)
			case language == "console" && isCommand:
				ran++
				out, _ := run(t, dir, command) // the page shows what it says, and the import's exit code is 1
				line += out
			case language == "console":
				continue // what the command before it printed
			}
			again.WriteString(line)
		}
		if *update {
			require.NoError(t, os.WriteFile(filepath.Join(r.name, "README.md"), []byte(keepTimes(page, again.String())), 0o600))
		} else {
			require.Equal(t, withoutTimes(page), withoutTimes(again.String()), "run go test ./examples -update and look at the difference")
		}
		if imported {
			compareFolders(t, filepath.Join(dir, "jobs"), filepath.Join(r.name, "jobs"))
		}
	}
	require.Greater(t, ran, 8)
}

func isLocal(line string) bool {
	words := strings.Fields(line)
	return len(words) > 1 && words[0] == "crontopus" && slices.Contains(local, words[1])
}

func run(t *testing.T, dir, command string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// took is how long a command says that it took.
var took = regexp.MustCompile(`\([0-9.]+m?s\)`)

func withoutTimes(page string) string { return took.ReplaceAllString(page, "(…)") }

// keepTimes returns the new page, and the old one where they differ in times only.
func keepTimes(before, after string) string {
	if withoutTimes(before) == withoutTimes(after) {
		return before
	}
	return after
}

// compareFolders requires that a folder has what was made, or writes it again.
func compareFolders(t *testing.T, made, kept string) {
	t.Helper()
	if *update {
		require.NoError(t, os.RemoveAll(kept))
		require.NoError(t, os.CopyFS(kept, os.DirFS(made)))
	}
	require.Equal(t, contents(t, made), contents(t, kept), "run go test ./examples -update and look at the difference")
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		files[entry.Name()] = string(data)
	}
	return files
}
