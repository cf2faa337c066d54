package gittest_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
)

// clone clones url with the real git and returns the folder, or what git said.
func clone(t *testing.T, url string) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	cmd := exec.Command("git", "clone", "--quiet", url, dir)
	cmd.Env = gittest.Env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return dir, nil
}

func TestServesWhatWasCommitted(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a.txt": "one", "dir/b.txt": "two"})
	head := repo.Commit(t, "second", map[string]string{"a.txt": "three", "dir/b.txt": gittest.Delete})
	server := repo.Serve(t)

	for _, url := range []string{server.URL, repo.URL()} {
		dir, err := clone(t, url)
		require.NoError(t, err, dir)
		content, err := os.ReadFile(filepath.Join(dir, "a.txt"))
		require.NoError(t, err)
		require.Equal(t, "three", string(content))
		require.NoFileExists(t, filepath.Join(dir, "dir/b.txt"))
	}
	require.Equal(t, head, repo.Head(t))
	require.Equal(t, 1, server.Lists())
	require.GreaterOrEqual(t, server.Packs(), 1)
	require.Equal(t, "list", <-server.Events())
	require.Equal(t, "pack", <-server.Events())
}

func TestLinksAndSubmodules(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a.txt": "one"})
	repo.Symlink(t, "link.yaml", "/etc/passwd")
	repo.Submodule(t, "vendored")
	tree := repo.Git(t, "ls-tree", "HEAD")
	require.Contains(t, tree, "120000 blob")
	require.Contains(t, tree, "160000 commit")
}

func TestPasswordIsAskedFor(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a.txt": "one"})
	server := repo.Serve(t)
	server.RequireAuth("bot", "s3cret")

	_, err := clone(t, server.URL)
	require.Error(t, err)
	dir, err := clone(t, strings.Replace(server.URL, "http://", "http://bot:s3cret@", 1))
	require.NoError(t, err, dir)
}

func TestFaultsComeAndGo(t *testing.T) {
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a.txt": "one"})
	server := repo.Serve(t)
	for name, fault := range map[string]func(http.Handler) http.Handler{
		"status":   gittest.Status(http.StatusInternalServerError),
		"redirect": gittest.Redirect("http://127.0.0.1:1"),
	} {
		server.Fault(fault)
		_, err := clone(t, server.URL)
		require.Error(t, err, name)
	}
	server.Fault(nil)
	dir, err := clone(t, server.URL)
	require.NoError(t, err, dir)
}
