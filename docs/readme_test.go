package docs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/cli"
	"crontopus.dev/crontopus/internal/gittest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestTheReadmeLeadsFromACrontabToARepository runs what the README tells a newcomer, line by
// line, with the crontab of somebody.
func TestTheReadmeLeadsFromACrontabToARepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const crontab = "# the shop\nMAILTO=ops@example.com\n*/5\t* * * * cd /srv/shop && ./tick\n@daily /usr/local/bin/backup 100\\%\n"
	program := "#!/bin/sh\n[ \"$*\" = -l ] && cat <<'END'\n" + crontab + "END\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "crontab"), []byte(program), 0o755)) //nolint:gosec // a program
	cmd := exec.CommandContext(t.Context(), "sh", "-eux", "-c", sectionsCommands(t, "From a crontab to a repository"))
	cmd.Dir = dir
	cmd.Env = append(gittest.Env(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "USER=shop")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	// What the clone of a colleague has is valid, and has its pipeline.
	clone := exec.CommandContext(t.Context(), "git", "clone", "--quiet", filepath.Join(dir, "cron"), filepath.Join(dir, "clone"))
	clone.Env = gittest.Env()
	require.NoError(t, clone.Run())
	check := exec.CommandContext(t.Context(), "crontopus", "validate", filepath.Join(dir, "clone"))
	out, err = check.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "2 jobs in 2 files: valid")
	require.FileExists(t, filepath.Join(dir, "clone/.forgejo/workflows/crontopus.yml"))
	require.FileExists(t, filepath.Join(dir, "clone/.pre-commit-config.yaml"))
}

// sectionsCommands returns the commands in a section of the README.
func sectionsCommands(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var commands string
	for _, b := range (page{"README.md", section}).blocks() {
		if b.language == "sh" {
			commands += b.text
		}
	}
	require.NotEmpty(t, commands)
	return commands
}
