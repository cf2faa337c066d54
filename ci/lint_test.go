package ci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/ci"
)

// TestActionsFilesPassActionlint asks the linter that tools/actionlint pins about the pipelines
// for Actions, and about one that uses our own action: inputs that it does not have would
// be found.
func TestActionsFilesPassActionlint(t *testing.T) {
	t.Parallel()
	action, err := os.ReadFile("../action.yml")
	require.NoError(t, err)
	dir := t.TempDir()
	linter := filepath.Join(dir, "actionlint")
	build := exec.CommandContext(t.Context(), "go", "-C", "../tools/actionlint", "build", "-o", linter, "github.com/rhysd/actionlint/cmd/actionlint")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	github, err := ci.Pipeline("github")
	require.NoError(t, err)
	forgejo, err := ci.Pipeline("forgejo")
	require.NoError(t, err)
	write(t, dir, "action.yml", string(action))
	write(t, dir, github.Path, string(github.Text))
	write(t, dir, ".github/workflows/forgejo.yml", string(forgejo.Text))
	write(t, dir, ".github/workflows/action.yml", usesAction("path: jobs\n          output: forgejo\n          comment: true"))
	write(t, dir, ".github/actionlint.yaml", "self-hosted-runner: {labels: [docker]}\n") // Forgejo's
	lint := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), linter, "-no-color", "-shellcheck=", "-pyflakes=")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	require.NoError(t, exec.CommandContext(t.Context(), "git", "init", "--quiet", dir).Run())
	said, err := lint()
	require.NoError(t, err, said)

	write(t, dir, ".github/workflows/action.yml", usesAction("folder: jobs"))
	said, err = lint()
	require.Error(t, err)
	require.Contains(t, said, `input "folder" is not defined in action "Crontopus"`)
}

func usesAction(with string) string {
	return `name: manifests
on: pull_request
jobs:
  manifests:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./
        with:
          ` + with + "\n"
}
