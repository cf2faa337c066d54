package gitfs_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gitfs"
	"crontopus.dev/crontopus/internal/gittest"
)

func open(t *testing.T, repo *gittest.Repo, ref string) *gitfs.FS {
	t.Helper()
	tree, err := gitfs.Open(context.WithoutCancel(t.Context()), repo.Dir, ref) // closed after the test
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tree.Close()) })
	return tree
}

func TestACommitIsAFileSystem(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	head := repo.Commit(t, "first", map[string]string{
		"README.md": "hello\n", "jobs/a.yaml": "a\n", "jobs/deep/er/b.yaml": "b\n", "jobs/mit Leerzeichen\nund Umbruch": "c", "empty": "",
	})
	repo.Commit(t, "second", map[string]string{"README.md": "changed\n", "jobs/a.yaml": gittest.Delete})

	tree := open(t, repo, head)
	require.Equal(t, head, tree.Commit())
	require.NoError(t, fstest.TestFS(tree, "README.md", "jobs/a.yaml", "jobs/deep/er/b.yaml", "empty"))
	data, err := fs.ReadFile(tree, "README.md")
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(data), "what the commit has, not what lies on disk")
	_, err = tree.Open("jobs/none.yaml")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = tree.Open("../secret")
	require.ErrorIs(t, err, fs.ErrInvalid)
}

func TestBranchesTagsAndEarlierCommitsAreReferences(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a": "1"})
	repo.Git(t, "tag", "--annotate", "--message", "release", "v1")
	repo.Commit(t, "second", map[string]string{"a": "2"})
	for ref, want := range map[string]string{gittest.Branch: "2", "HEAD~1": "1", "v1": "1"} {
		data, err := fs.ReadFile(open(t, repo, ref), "a")
		require.NoError(t, err)
		require.Equal(t, want, string(data), ref)
	}
}

func TestWhatIsAboutToBeCommittedIsATree(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a": "1"})
	repo.Git(t, "update-index", "--cacheinfo", "100644,"+repo.Blob(t, strings.NewReader("2"))+",a")
	tree := repo.Git(t, "write-tree")
	data, err := fs.ReadFile(open(t, repo, tree), "a")
	require.NoError(t, err)
	require.Equal(t, "2", string(data))
}

func TestLinksAndSubmodulesAreNotFiles(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	repo.Symlink(t, "link.yaml", "/etc/passwd")
	head := repo.Submodule(t, "module.yaml")
	tree := open(t, repo, head)
	for _, name := range []string{"link.yaml", "module.yaml"} {
		info, err := fs.Stat(tree, name)
		require.NoError(t, err)
		require.False(t, info.Mode().IsRegular(), name)
		_, err = tree.Open(name)
		require.ErrorIs(t, err, fs.ErrInvalid, name)
	}
}

func TestALargeFileIsReadInPart(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	tree := open(t, repo, repo.Commit(t, "large", map[string]string{"large": strings.Repeat("x", 3<<20), "small": "after it"}))
	data, err := fs.ReadFile(tree, "large")
	require.NoError(t, err)
	require.Len(t, data, 2<<20)
	data, err = fs.ReadFile(tree, "small")
	require.NoError(t, err)
	require.Equal(t, "after it", string(data))
}

func TestManyReadersAtOnce(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	tree := open(t, repo, repo.Commit(t, "two", map[string]string{"a": "aaa", "b": "bb"}))
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for name, want := range map[string]string{"a": "aaa", "b": "bb"} {
				data, err := fs.ReadFile(tree, name)
				if err != nil || string(data) != want {
					t.Errorf("%s: %q, %v", name, data, err)
				}
			}
		})
	}
	readers.Wait()
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "first", map[string]string{"a": "1"})
	for _, ref := range []string{"nowhere", "--all", "", strings.Repeat("0", 40)} {
		_, err := gitfs.Open(context.WithoutCancel(t.Context()), repo.Dir, ref) // closed after the test
		require.ErrorContains(t, err, "there is no commit")
		require.NotEmpty(t, crontopus.ErrorHint(err), ref)
	}
	_, err := gitfs.Open(t.Context(), t.TempDir(), "HEAD")
	require.ErrorContains(t, err, "is in no Git repository")
}

func TestATreeWithOneNameTwiceIsRefused(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	blob := repo.Blob(t, strings.NewReader("x"))
	inner := repo.Tree(t, gittest.Entry{Mode: "100644", Hash: blob, Name: "in"})
	tree := repo.Tree(t, gittest.Entry{Mode: "100644", Hash: blob, Name: "twice"}, gittest.Entry{Mode: "40000", Hash: inner, Name: "twice"})
	commit := repo.CommitTree(t, tree)
	_, err := gitfs.Open(t.Context(), repo.Dir, commit)
	require.ErrorContains(t, err, `the commit has "twice`)
}

// A stranger's clone says where its missing objects come from: a program of his, which git
// would start.
func TestWhatACloneLacksIsNotFetched(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	head := repo.Commit(t, "first", map[string]string{"there.yaml": "here\n", "missing.yaml": "not here\n"})
	program, ran := filepath.Join(t.TempDir(), "program"), filepath.Join(t.TempDir(), "ran")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o700)) //nolint:gosec // a program
	for _, setting := range [][2]string{
		{"core.repositoryFormatVersion", "1"}, {"extensions.partialClone", "origin"}, {"protocol.ext.allow", "always"},
		{"remote.origin.promisor", "true"}, {"remote.origin.url", "ext::" + program},
		{"core.fsmonitor", program}, {"core.pager", program}, {"core.sshCommand", program}, {"core.alternateRefsCommand", program},
	} {
		repo.Git(t, "config", setting[0], setting[1])
	}
	hash := repo.Git(t, "rev-parse", "HEAD:missing.yaml")
	require.NoError(t, os.Remove(filepath.Join(repo.Dir, "objects", hash[:2], hash[2:])))

	tree := open(t, repo, head)
	data, err := fs.ReadFile(tree, "there.yaml")
	require.NoError(t, err)
	require.Equal(t, "here\n", string(data))
	require.NoError(t, tree.Err())
	_, err = fs.ReadFile(tree, "missing.yaml")
	require.ErrorContains(t, err, "the clone is not whole")
	require.ErrorIs(t, err, tree.Err())
	require.NoFileExists(t, ran)
}

// Who may push refs/replace/… could have another commit checked than the one that is taken.
func TestNoObjectStandsInThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	harmless := repo.Commit(t, "harmless", map[string]string{"a": "harmless"})
	head := repo.Commit(t, "head", map[string]string{"a": "what is there"})
	repo.Git(t, "replace", head, harmless)
	data, err := fs.ReadFile(open(t, repo, head), "a")
	require.NoError(t, err)
	require.Equal(t, "what is there", string(data))
}
