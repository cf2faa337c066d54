package hooks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
)

// TestPreCommitBuildsTheHooksWithGo lets pre-commit clone this project as it is here, build
// it, and run the hooks that it then has. Modules come from the cache that the tests
// themselves were built with.
func TestPreCommitBuildsTheHooksWithGo(t *testing.T) {
	t.Parallel()
	project := gittest.NewRepo(t)
	listed, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		if strings.Contains(name, "testdata/") || strings.HasPrefix(name, "bench/") || strings.HasSuffix(name, "_test.go") {
			continue // nothing that the programs are built of
		}
		data, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		require.NoError(t, err)
		file := filepath.Join(project.WorkTree, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, data, 0o600))
	}
	project.Commit(t, "the project", nil)
	project.Git(t, "tag", "v1")

	repo := gittest.NewRepo(t)
	config := "repos:\n  - repo: " + project.Dir + "\n    rev: v1\n    hooks:\n      - id: crontopus-validate\n      - id: crontopus-fmt\n"
	good := "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: good}\n" +
		"spec: {schedule: \"@daily\", target: {all: true}, run: {command: [/bin/true], timeout: 1m}}\n"
	repo.Commit(t, "good", map[string]string{".pre-commit-config.yaml": config, "jobs/good.yaml": good})
	out, err := preCommit(t, repo)
	require.NoError(t, err, out)

	repo.Commit(t, "twice", map[string]string{"jobs/twice.yaml": good})
	out, err = preCommit(t, repo)
	require.Error(t, err, out)
	require.Contains(t, out, "jobs/twice.yaml:3:18: the job default/good is also in jobs/good.yaml:3")
}

// preCommit runs the hooks on all files of a repository, with a home of its own.
func preCommit(t *testing.T, repo *gittest.Repo) (string, error) {
	t.Helper()
	setting := func(name string) string {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		require.NoError(t, err)
		return name + "=" + strings.TrimSpace(string(value))
	}
	cmd := exec.CommandContext(t.Context(), "pre-commit", "run", "--all-files", "--verbose")
	cmd.Dir = repo.WorkTree
	cmd.Env = append(gittest.Env(), "GIT_DIR="+repo.Dir, "GIT_WORK_TREE="+repo.WorkTree, "PRE_COMMIT_HOME="+filepath.Join(repo.Dir, "pre-commit"),
		setting("GOMODCACHE"), setting("GOCACHE"), setting("GOPROXY"), setting("GOFLAGS"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
