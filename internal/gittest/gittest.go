// Package gittest makes real Git repositories and serves them with Git's own smart HTTP
// server, so that tests meet what users meet. It needs the git program and knows nothing
// of jobs. Tests of every package may import it.
package gittest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Branch is the branch that a new repository has.
const Branch = "main"

// Repo is a bare repository with a work tree beside it. Commit and Git work on it
// directly, so what they do is there at once, as if it had been pushed.
type Repo struct {
	Dir      string // the bare repository: what is served, and what git push can name
	WorkTree string
}

// Delete is the content of a file in Commit that removes the file.
const Delete = "\x00delete"

// NewRepo makes an empty repository that is gone when the test ends.
func NewRepo(t testing.TB) *Repo {
	t.Helper()
	root := t.TempDir()
	r := &Repo{Dir: filepath.Join(root, "repo.git"), WorkTree: filepath.Join(root, "tree")}
	require.NoError(t, os.MkdirAll(r.WorkTree, 0o755))
	run(t, root, nil, nil, "init", "--quiet", "--bare", "--initial-branch="+Branch, r.Dir)
	r.Git(t, "config", "http.receivepack", "true")
	return r
}

// Commit writes files (path to content, or Delete) and commits them on the branch that is
// checked out. It returns the commit's hash.
func (r *Repo) Commit(t testing.TB, message string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(r.WorkTree, filepath.FromSlash(name))
		if content == Delete {
			require.NoError(t, os.Remove(file))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
	r.Git(t, "add", "--all", ".")
	r.Git(t, "commit", "--quiet", "--allow-empty", "--message", message)
	return r.Head(t)
}

// Symlink commits a symbolic link.
func (r *Repo) Symlink(t testing.TB, name, target string) string {
	t.Helper()
	file := filepath.Join(r.WorkTree, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.Symlink(target, file))
	return r.Commit(t, "link "+name, nil)
}

// Submodule commits an entry that names a commit of another repository.
func (r *Repo) Submodule(t testing.TB, name string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(r.WorkTree, filepath.FromSlash(name)), 0o755)) // or the next Commit removes it
	r.Git(t, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+","+name)
	r.Git(t, "commit", "--quiet", "--message", "submodule "+name)
	return r.Head(t)
}

// Head returns the hash of the commit that is checked out.
func (r *Repo) Head(t testing.TB) string {
	t.Helper()
	return r.Git(t, "rev-parse", "HEAD")
}

// URL returns the repository's file:// address.
func (r *Repo) URL() string { return "file://" + filepath.ToSlash(r.Dir) }

// Git runs git on the repository and its work tree, and returns what it printed.
func (r *Repo) Git(t testing.TB, args ...string) string {
	t.Helper()
	return r.GitInput(t, nil, args...)
}

// GitInput is Git with something on standard input.
func (r *Repo) GitInput(t testing.TB, in io.Reader, args ...string) string {
	t.Helper()
	return run(t, r.WorkTree, in, []string{"GIT_DIR=" + r.Dir, "GIT_WORK_TREE=" + r.WorkTree}, args...)
}

// Entry is one entry of a tree as Git stores it.
type Entry struct {
	Mode, Name string
	Hash       string // in hex
}

// Tree stores a tree with exactly these entries, in this order, and returns its hash. No
// file is touched, so it is quick for any number of them, and nothing is checked.
func (r *Repo) Tree(t testing.TB, entries ...Entry) string {
	t.Helper()
	var tree bytes.Buffer
	for _, e := range entries {
		hash, err := hex.DecodeString(e.Hash)
		require.NoError(t, err)
		fmt.Fprintf(&tree, "%s %s\x00%s", e.Mode, e.Name, hash)
	}
	return r.GitInput(t, &tree, "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
}

// Blob stores a blob and returns its hash.
func (r *Repo) Blob(t testing.TB, content io.Reader) string {
	t.Helper()
	return r.GitInput(t, content, "-c", "core.compression=1", "hash-object", "-w", "--stdin")
}

// CommitTree makes a commit of a tree, without a parent, the branch's head.
func (r *Repo) CommitTree(t testing.TB, tree string) string {
	t.Helper()
	commit := r.Git(t, "commit-tree", "-m", "a tree", tree)
	r.Git(t, "update-ref", "refs/heads/"+Branch, commit)
	return commit
}

func run(t testing.TB, dir string, in io.Reader, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Stdin = in
	cmd.Dir = dir
	cmd.Env = append(Env(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

// Env is an environment for git that shares nothing with the machine's or the user's Git
// settings: who commits is fixed, no prompt appears, no hook or signing key is found.
func Env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.DevNull,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_COUNT=3",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=gc.auto", "GIT_CONFIG_VALUE_1=0",
		"GIT_CONFIG_KEY_2=protocol.file.allow", "GIT_CONFIG_VALUE_2=always",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Alex Author", "GIT_AUTHOR_EMAIL=author@example.com",
		"GIT_COMMITTER_NAME=Alex Author", "GIT_COMMITTER_EMAIL=author@example.com",
		"LC_ALL=C", "TZ=UTC",
	}
}
