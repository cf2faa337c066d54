package syncer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

func TestRewrittenHistory(t *testing.T) {
	for name, rewrite := range map[string]func(*testing.T, *gittest.Repo){
		"amended": func(t *testing.T, r *gittest.Repo) {
			r.Commit(t, "third", map[string]string{"a.yaml": manifest("a", "new")})
			r.Git(t, "reset", "--quiet", "--soft", "HEAD~2")
			r.Git(t, "commit", "--quiet", "--message", "squashed")
		},
		"back to an older commit": func(t *testing.T, r *gittest.Repo) {
			r.Git(t, "reset", "--quiet", "--hard", "HEAD~1")
		},
		"another root": func(t *testing.T, r *gittest.Repo) {
			r.Git(t, "checkout", "--quiet", "--orphan", "fresh")
			r.Commit(t, "fresh", map[string]string{"a.yaml": manifest("a", "new")})
			r.Git(t, "branch", "--force", "--move", "fresh", gittest.Branch)
		},
		"repacked, the old commits gone": func(t *testing.T, r *gittest.Repo) {
			r.Git(t, "commit", "--quiet", "--amend", "--message", "amended")
			r.Git(t, "reflog", "expire", "--expire=now", "--all")
			r.Git(t, "gc", "--quiet", "--prune=now")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.repo.Commit(t, "zero", map[string]string{"a.yaml": manifest("a", "zero"), "b.yaml": manifest("b", "zero")})
			h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
			h.sync(t, sourceID)
			h.repo.Commit(t, "second", map[string]string{"b.yaml": manifest("b", "two")})
			h.sync(t, sourceID)
			before := h.repo.Head(t)

			rewrite(t, h.repo)
			status := h.sync(t, sourceID)
			requireState(t, "true Synced", status)
			require.Equal(t, crontopus.Revision(gittest.Branch, h.repo.Head(t)), status.LastAppliedRevision)
			require.Equal(t, h.repo.Head(t), status.Commit.Hash)
			require.Equal(t, "Alex Author", status.Commit.Author)
			require.Contains(t, h.lastSync(t).Message, "history was rewritten: it does not lead on from "+before)
			_, message := ready(status)
			require.NotContains(t, message, "rewritten", "the source's condition says what is, the sync what happened")
			require.Equal(t, h.repo.Git(t, "show", "HEAD:a.yaml")+"\n", manifest("a", h.job(t, sourceID, "test/a").Job.Spec.Run.Command[1]))

			h.repo.Commit(t, "goes on", map[string]string{"b.yaml": manifest("b", "on")})
			requireState(t, "true Synced", h.sync(t, sourceID))
			require.NotContains(t, h.lastSync(t).Message, "rewritten")
			require.Equal(t, "on", h.job(t, sourceID, "test/b").Job.Spec.Run.Command[1])
			require.NoDirExists(t, h.mirror()+".new")
		})
	}
}

// What changed a job is told from the new history, though the commit in force is no part of it
// and the first fetch, which was shallow, began long after the two parted.
func TestForcePushOverAShallowBoundaryKeepsWhoChangedWhat(t *testing.T) {
	h := newHouse(t)
	root := h.repo.Commit(t, "root", map[string]string{"a.yaml": manifest("a", "zero"), "b.yaml": manifest("b", "zero"), "c.yaml": manifest("c", "zero")})
	h.repo.Commit(t, "old a", map[string]string{"a.yaml": manifest("a", "old")})
	h.sync(t, sourceID)
	commitOfC := h.job(t, sourceID, "test/c").Commit.Hash

	h.repo.Git(t, "reset", "--quiet", "--hard", root)
	newA := h.repo.Commit(t, "new a", map[string]string{"a.yaml": manifest("a", "new")})
	newB := h.repo.Commit(t, "new b", map[string]string{"b.yaml": manifest("b", "new")})
	h.repo.Commit(t, "neither", map[string]string{"README": "hello"})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, newA, h.job(t, sourceID, "test/a").Commit.Hash)
	require.Equal(t, newB, h.job(t, sourceID, "test/b").Commit.Hash)
	require.Equal(t, commitOfC, h.job(t, sourceID, "test/c").Commit.Hash, "it runs as before")
	require.Contains(t, h.lastSync(t).Message, "rewritten")

	next := h.repo.Commit(t, "c too", map[string]string{"c.yaml": manifest("c", "new")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, next, h.job(t, sourceID, "test/c").Commit.Hash)
	require.Equal(t, newA, h.job(t, sourceID, "test/a").Commit.Hash)
}

// The server leaves out objects that a client with the whole history would have; ours has
// only what came after its first, shallow, fetch.
func TestWhatComesBackFromBehindTheShallowBoundary(t *testing.T) {
	h := newHouse(t)
	old := h.repo.Commit(t, "old", map[string]string{"a.yaml": manifest("a", "old"), "dir/b.yaml": manifest("b", "old"), "filler.txt": "x"})
	h.repo.Commit(t, "new", map[string]string{"a.yaml": manifest("a", "new"), "dir/b.yaml": manifest("b", "new")})
	h.sync(t, sourceID)
	h.repo.Git(t, "repack", "-adb", "--quiet") // a bitmap: the server then leaves out all that is reachable

	h.repo.Git(t, "checkout", old, "--", "a.yaml", "dir/b.yaml")
	head := h.repo.Commit(t, "back to old", nil)
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, "old", h.job(t, sourceID, "test/b").Job.Spec.Run.Command[1])
	require.Equal(t, head, h.job(t, sourceID, "test/b").Commit.Hash)

	h.repo.Git(t, "checkout", "--quiet", "-b", "side", old)
	h.repo.Commit(t, "side", map[string]string{"c.yaml": manifest("c", "side")})
	h.repo.Git(t, "checkout", "--quiet", gittest.Branch)
	h.repo.Git(t, "merge", "--quiet", "--no-ff", "--message", "merge", "side")
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Contains(t, h.jobs(sourceID), "test/c")
}

func TestADamagedMirrorIsReplaced(t *testing.T) {
	for name, damage := range map[string]func(*testing.T, string){
		"emptied": func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) },
		"packs gone": func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "objects", "pack")))
		},
		"packs cut short": func(t *testing.T, dir string) {
			packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*"))
			require.NoError(t, err)
			for _, pack := range packs {
				require.NoError(t, os.Chmod(pack, 0o600))
				require.NoError(t, os.Truncate(pack, 40))
			}
		},
		"reference nonsense": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "refs", "heads", gittest.Branch), []byte("?"), 0o600))
		},
		"half a replacement left behind": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(dir, dir+".new"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := goodStart(t)
			damage(t, h.mirror())
			h.repo.Commit(t, "second", map[string]string{"a.yaml": manifest("a", "two")})
			requireState(t, "true Synced", h.sync(t, sourceID))
			require.Equal(t, "two", h.job(t, sourceID, "test/a").Job.Spec.Run.Command[1])
		})
	}
}

func TestManyPacksAreReplacedByOne(t *testing.T) {
	h := goodStart(t)
	most := 0
	for i := range 55 {
		h.repo.Commit(t, "change", map[string]string{"a.yaml": manifest("a", fmt.Sprintf("n%d", i))})
		requireState(t, "true Synced", h.sync(t, sourceID))
		packs, err := filepath.Glob(filepath.Join(h.mirror(), "objects", "pack", "*.pack"))
		require.NoError(t, err)
		most = max(most, len(packs))
	}
	require.LessOrEqual(t, most, 51)
	packs, err := filepath.Glob(filepath.Join(h.mirror(), "objects", "pack", "*.pack"))
	require.NoError(t, err)
	require.Less(t, len(packs), 10)
}

func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(*testing.T, *gittest.Repo)
		file string
	}{
		"link to a manifest": {func(t *testing.T, r *gittest.Repo) { r.Symlink(t, "b.yaml", "a.yaml") }, "b.yaml"},
		"link out of here":   {func(t *testing.T, r *gittest.Repo) { r.Symlink(t, "deep/b.yaml", "/etc/passwd") }, "deep/b.yaml"},
		"link to a folder":   {func(t *testing.T, r *gittest.Repo) { r.Symlink(t, "more", "..") }, "more"},
		"submodule":          {func(t *testing.T, r *gittest.Repo) { r.Submodule(t, "vendored") }, "vendored"},
	} {
		t.Run(name, func(t *testing.T) {
			h := goodStart(t)
			c.harm(t, h.repo)
			message := requireState(t, "false VerificationFailed", h.sync(t, sourceID))
			require.Contains(t, message, c.file)
			require.Len(t, h.jobs(sourceID), 1)
			require.Equal(t, c.file, h.lastSync(t).Problems[0].File)

			h.repo.Commit(t, "ignored", map[string]string{".crontopusignore": "/" + c.file})
			requireState(t, "true Synced", h.sync(t, sourceID))
		})
	}
}

func TestALargeFileIsDescribedAndNotRead(t *testing.T) {
	h := goodStart(t)
	size := 3 << 20
	h.repo.Commit(t, "huge", map[string]string{"huge.yaml": string(make([]byte, size)), "big.yaml": string(make([]byte, 300<<10)), "data.bin": string(make([]byte, size))})
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	problems := h.lastSync(t).Problems
	require.Len(t, problems, 2)
	require.Equal(t, []string{"big.yaml", "huge.yaml"}, []string{problems[0].File, problems[1].File})
	require.Contains(t, problems[1].Message, fmt.Sprint(size))
	require.Equal(t, problems[0].Code, problems[1].Code)
	require.Equal(t, problems[0].Hint, problems[1].Hint)
}

func TestFoldersDeeperThanAnybodyNeeds(t *testing.T) {
	h := goodStart(t)
	name := ""
	for range 70 {
		name += "d/"
	}
	h.repo.Commit(t, "deep", map[string]string{name + "a.yaml": manifest("deep", "one")})
	require.Contains(t, requireState(t, "false VerificationFailed", h.sync(t, sourceID)), "deep")
}
