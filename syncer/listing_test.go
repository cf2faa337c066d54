package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
)

// After the first listing a child tells only what differs. Step by step, what is desired is what
// the newest commit says all the same.
func TestWhateverACommitDoesTheNextListingIsRight(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{
		"a.yaml": manifest("a", "one"), "x/b.yaml": manifest("b", "one"), "x/y/c.yaml": manifest("c", "one"), "z/d.yaml": manifest("d", "one"),
	})
	requireState(t, "true Synced", h.sync(t, sourceID))
	h.addAgent("db", "db-01")
	for _, step := range []struct {
		what  string
		files map[string]string
		git   [][]string // before files
		state string
		jobs  map[string]string
	}{
		{what: "a file is changed deep down", files: map[string]string{"x/y/c.yaml": "\n" + manifest("c", "two")},
			jobs: map[string]string{"test/a": "a.yaml:4", "test/b": "x/b.yaml:4", "test/c": "x/y/c.yaml:5", "test/d": "z/d.yaml:4"}},
		{what: "one is added, one is removed", files: map[string]string{"x/e.yaml": manifest("e", "one"), "x/b.yaml": gittest.Delete},
			jobs: map[string]string{"test/a": "a.yaml:4", "test/c": "x/y/c.yaml:5", "test/d": "z/d.yaml:4", "test/e": "x/e.yaml:4"}},
		{what: "a folder moves", git: [][]string{{"mv", "x", "w"}},
			jobs: map[string]string{"test/a": "a.yaml:4", "test/c": "w/y/c.yaml:5", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "a folder becomes a file", git: [][]string{{"rm", "-q", "w/y/c.yaml"}}, files: map[string]string{"w/y": "no manifest", "w/f.yaml": manifest("c", "one")},
			jobs: map[string]string{"test/a": "a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "a file becomes a folder", git: [][]string{{"rm", "-q", "a.yaml"}}, files: map[string]string{"a.yaml/a.yaml": manifest("a", "one")},
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "files are ignored", files: map[string]string{".crontopusignore": "w/\n"},
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/d": "z/d.yaml:4"}},
		{what: "and read again", files: map[string]string{".crontopusignore": gittest.Delete},
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "what is no manifest comes", files: map[string]string{"README.md": "hello", ".forgejo/ci.yaml": "x"},
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "a mistake changes nothing", files: map[string]string{"z/d.yaml": "kind: Job"}, state: "false ValidationFailed",
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "one more, elsewhere, neither", files: map[string]string{"a.yaml/g.yaml": manifest("g", "one")}, state: "false ValidationFailed",
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4"}},
		{what: "until it is mended", files: map[string]string{"z/d.yaml": manifest("d", "two")},
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/d": "z/d.yaml:4", "test/e": "w/e.yaml:4", "test/g": "a.yaml/g.yaml:4"}},
		{what: "history is rewritten", git: [][]string{{"commit", "-q", "--amend", "-m", "rewritten"}}, files: map[string]string{"z/d.yaml": gittest.Delete},
			jobs: map[string]string{"test/a": "a.yaml/a.yaml:4", "test/c": "w/f.yaml:4", "test/e": "w/e.yaml:4", "test/g": "a.yaml/g.yaml:4"}},
	} {
		t.Log(step.what)
		for _, args := range step.git {
			h.repo.Git(t, args...)
		}
		h.repo.Commit(t, step.what, step.files)
		if step.state == "" {
			step.state = "true Synced"
		}
		requireState(t, step.state, h.sync(t, sourceID))
		require.Equal(t, step.jobs, h.jobs(sourceID), step.what)
	}
	h.repo.Symlink(t, "z/link.yaml", "/etc/passwd")
	requireState(t, "false VerificationFailed", h.sync(t, sourceID))
	h.repo.Commit(t, "elsewhere", map[string]string{"a.yaml/g.yaml": manifest("g", "two")})
	require.Contains(t, requireState(t, "false VerificationFailed", h.sync(t, sourceID)), "symbolic link", "the link is still there")
	h.repo.Git(t, "rm", "-q", "z/link.yaml")
	h.repo.Commit(t, "unlink", nil)
	requireState(t, "true Synced", h.sync(t, sourceID))
}
