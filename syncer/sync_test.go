package syncer_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

func TestACommitBecomesDesiredState(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.repo.Commit(t, "not a job", map[string]string{"README.md": "hello"})
	head := h.repo.Commit(t, "Back up every night\n\nLong explanation.", map[string]string{
		"jobs/backup.yaml":       manifest("backup", "one"),
		"jobs/more.yml":          manifest("more", "one") + "---\n" + manifest("most", "one"),
		".forgejo/workflow.yaml": "on: push",
		"notes.txt":              "not read",
	})

	status := h.sync(t, sourceID)
	requireState(t, "true Synced", status)
	revision := crontopus.Revision(gittest.Branch, head)
	require.Equal(t, revision, status.LastAppliedRevision)
	require.Equal(t, revision, status.LastAttemptedRevision)
	require.Equal(t, 3, status.Jobs)
	require.NotNil(t, status.NextAttemptAt)
	require.Equal(t, map[string]string{
		"test/backup": "jobs/backup.yaml:4", "test/more": "jobs/more.yml:4", "test/most": "jobs/more.yml:15",
	}, h.jobs(sourceID))

	sync := h.lastSync(t)
	require.Equal(t, crontopus.TriggerWebhook, sync.Trigger)
	require.Equal(t, []any{3, 0, 0}, []any{sync.Added, sync.Changed, sync.Removed})
	var stages []string
	for _, stage := range sync.Stages {
		stages = append(stages, stage.Name)
	}
	require.Equal(t, []string{"list", "fetch", "decode", "validate", "plan", "commit"}, stages)

	job := h.job(t, sourceID, "test/backup")
	require.Equal(t, revision, job.Revision)
	require.Equal(t, "Back up every night", job.Commit.Subject)
	require.Equal(t, "Alex Author", job.Commit.Author)
	require.Contains(t, h.marks, "id-db-01")
}

func TestOnlyWhatChangedIsMarkedAndBlamed(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.addAgent("web", "web-01")
	first := h.repo.Commit(t, "first", map[string]string{
		"db.yaml": manifestFor("db", "one", "{labels: {role: db}}"), "web.yaml": manifestFor("web", "one", "{labels: {role: web}}"),
		"deep/er/x.yaml": manifestFor("x", "one", "{labels: {role: none}}"),
	})
	h.sync(t, sourceID)
	h.clearMarks()

	changed := h.repo.Commit(t, "change db", map[string]string{"db.yaml": manifestFor("db", "two", "{labels: {role: db}}")})
	added := h.repo.Commit(t, "add new", map[string]string{"deep/new.yaml": manifestFor("new", "one", "{labels: {role: none}}")})
	head := h.repo.Commit(t, "a comment", map[string]string{"web.yaml": "# why\n" + manifestFor("web", "one", "{labels: {role: web}}")})
	status := h.sync(t, sourceID)

	requireState(t, "true Synced", status)
	require.Equal(t, crontopus.Revision(gittest.Branch, head), status.LastAppliedRevision)
	require.Contains(t, h.marks, "id-db-01")
	require.NotContains(t, h.marks, "id-web-01", "a comment changes no job")
	for name, commit := range map[string]string{"test/db": changed, "test/new": added, "test/web": first, "test/x": first} {
		job := h.job(t, sourceID, name)
		require.Equal(t, crontopus.Revision(gittest.Branch, commit), job.Revision, name)
		require.Equal(t, commit, job.Commit.Hash, name)
	}
	require.Equal(t, "web.yaml:5", h.jobs(sourceID)["test/web"], "its place is the new one")
	sync := h.lastSync(t)
	require.Equal(t, []any{1, 1, 0}, []any{sync.Added, sync.Changed, sync.Removed})
}

func TestBlameFollowsABranchThatWasMerged(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one"), "b.yaml": manifest("b", "one")})
	h.sync(t, sourceID)

	h.repo.Git(t, "checkout", "--quiet", "-b", "feature")
	onBranch := h.repo.Commit(t, "on the branch", map[string]string{"a.yaml": manifest("a", "two")})
	h.repo.Git(t, "checkout", "--quiet", gittest.Branch)
	onMain := h.repo.Commit(t, "on main", map[string]string{"b.yaml": manifest("b", "two")})
	h.repo.Git(t, "merge", "--quiet", "--no-ff", "--message", "merge", "feature")
	requireState(t, "true Synced", h.sync(t, sourceID))

	require.Equal(t, onBranch, h.job(t, sourceID, "test/a").Commit.Hash)
	require.Equal(t, onMain, h.job(t, sourceID, "test/b").Commit.Hash)
}

func TestAnInvalidRevisionChangesNothing(t *testing.T) {
	h := newHouse(t)
	good := h.repo.Commit(t, "good", map[string]string{"a.yaml": manifest("a", "one"), "b.yaml": manifest("b", "one")})
	h.sync(t, sourceID)

	bad := h.repo.Commit(t, "bad", map[string]string{
		"a.yaml": "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: a}\nspec: {scheduel: x}\n",
		"b.yaml": gittest.Delete,
		"c.yaml": manifest("c", "one"),
		"d.yaml": manifest("c", "two"),
		"e.yaml": "a: [",
	})
	status := h.sync(t, sourceID)
	requireState(t, "false ValidationFailed", status)
	require.Equal(t, crontopus.Revision(gittest.Branch, good), status.LastAppliedRevision)
	require.Equal(t, crontopus.Revision(gittest.Branch, bad), status.LastAttemptedRevision)
	require.NotNil(t, status.NextAttemptAt, "the next commit must be noticed")
	require.Len(t, h.jobs(sourceID), 2)
	sync := h.lastSync(t)
	var files []string
	for _, p := range sync.Problems {
		files = append(files, p.File)
		require.NotZero(t, p.Line)
	}
	require.Subset(t, files, []string{"a.yaml", "c.yaml", "d.yaml", "e.yaml"})

	h.repo.Git(t, "revert", "--no-edit", "HEAD")
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Len(t, h.jobs(sourceID), 2)
}

func TestProblemsAreCutWithACount(t *testing.T) {
	h := newHouse(t)
	files := map[string]string{}
	for i := range 250 {
		files[fmt.Sprintf("f%03d.yaml", i)] = "kind: [" + strings.Repeat("x", i)
	}
	h.repo.Commit(t, "bad", files)
	message := requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Contains(t, message, "250 problems")
	require.Len(t, h.lastSync(t).Problems, 200)
}

func TestOneChangedFileDecodesOne(t *testing.T) {
	logs := &recorder{}
	h := newHouse(t, func(h *house) { h.opts.Log = slog.New(logs) })
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("dir%d/job%d.yaml", i%7, i)] = manifest(fmt.Sprintf("job-%d", i), "one")
	}
	h.repo.Commit(t, "many", files)
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.EqualValues(t, 200, logs.stage(t, "decode")["decoded"])

	h.repo.Commit(t, "one", map[string]string{"dir1/job1.yaml": manifest("job-1", "two")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.EqualValues(t, 1, logs.stage(t, "decode")["decoded"])
	require.EqualValues(t, 200, logs.stage(t, "fetch")["files"])

	h.repo.Git(t, "mv", "dir1", "moved")
	h.repo.Commit(t, "moved", nil)
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.EqualValues(t, 0, logs.stage(t, "decode")["decoded"])
	require.Equal(t, "moved/job1.yaml:4", h.jobs(sourceID)["test/job-1"])
}

func TestAPollWithoutNewsCostsNothing(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	h.sync(t, sourceID)
	packs, sequence := h.server.Packs(), h.states[sourceID].Sequence
	syncs := len(h.syncs)

	h.poll(t, sourceID)
	requireState(t, "true Synced", h.status(sourceID))
	require.Equal(t, packs, h.server.Packs(), "no objects are asked for")
	require.Equal(t, sequence, h.states[sourceID].Sequence, "nothing is written")
	require.Len(t, h.syncs, syncs, "no trace among the syncs")

	h.sync(t, sourceID)
	require.Len(t, h.syncs, syncs+1, "who asked gets an answer")
	require.Equal(t, packs, h.server.Packs())
}

func TestAPollThatFailsTheSameWayIsNotRepeated(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "bad", map[string]string{"a.yaml": "kind: ["})
	h.sync(t, sourceID)
	syncs := len(h.syncs)
	h.poll(t, sourceID)
	requireState(t, "false ValidationFailed", h.status(sourceID))
	require.Len(t, h.syncs, syncs)
}

func TestFilesThatAreLeftOut(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{
		"a.yaml": manifest("a", "one"), ".crontopusignore": "drafts/\n", "drafts/b.yaml": "not: valid",
		"sub/.crontopusignore": "*.yml\n", "sub/c.yml": "not: valid", "sub/d.yaml": manifest("d", "one"),
		"off.yaml": "# crontopus: ignore\nanything: [", ".hidden/e.yaml": "not: valid",
	})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, map[string]string{"test/a": "a.yaml:4", "test/d": "sub/d.yaml:4"}, h.jobs(sourceID))
}

func TestOnlyThePathIsRead(t *testing.T) {
	h := newHouse(t, func(h *house) { h.addSource(sourceID, h.server.URL, "/ops/cron/") })
	h.repo.Commit(t, "first", map[string]string{"a.yaml": "not: valid", "ops/cron/b.yaml": manifest("b", "one"), "ops/cron-other/c.yaml": "not: valid"})
	h.repo.Symlink(t, "outside.yaml", "/etc/passwd")
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, map[string]string{"test/b": "ops/cron/b.yaml:4"}, h.jobs(sourceID))
}

func TestAPathThatNeverWasIsAMistake(t *testing.T) {
	h := newHouse(t, func(h *house) { h.addSource(sourceID, h.server.URL, "opps") })
	h.repo.Commit(t, "first", map[string]string{"ops/a.yaml": manifest("a", "one"), "file": "x"})
	require.Contains(t, requireState(t, "false ValidationFailed", h.sync(t, sourceID)), "no such folder")

	h.addSource("src-2", h.server.URL, "file")
	require.Contains(t, requireState(t, "false VerificationFailed", h.sync(t, "src-2")), "no folder")
}

func TestTwoSourcesCannotNameOneJob(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"one/a.yaml": manifest("a", "one"), "two/x.yaml": manifest("a", "two")})
	h.addSource(sourceID, h.server.URL, "one")
	h.addSource("src-2", h.server.URL, "two")
	requireState(t, "true Synced", h.sync(t, sourceID))

	message := requireState(t, "false ValidationFailed", h.sync(t, "src-2"))
	require.Contains(t, message, "two/x.yaml:4")
	require.Contains(t, message, "name-of-src-1")
	require.Contains(t, message, "one/a.yaml:4")
	require.Empty(t, h.jobs("src-2"))

	h.remove(t, sourceID)
	requireState(t, "true Synced", h.sync(t, "src-2"))
	require.Contains(t, h.jobs("src-2"), "test/a")
}

func TestARemovedSourceLeavesNothing(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	h.sync(t, sourceID)
	require.DirExists(t, h.mirror())
	h.clearMarks()

	h.remove(t, sourceID)
	require.Empty(t, h.jobs(sourceID))
	require.Contains(t, h.marks, "id-db-01", "a removal by a person needs no further approval")
	h.stop()
	require.NoDirExists(t, h.mirror())
}

func TestAConflictIsPlannedAgain(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	conflicts := 3
	h.mu.Lock()
	h.fault = func(call string) error {
		if call != "finish" || conflicts == 0 {
			return nil
		}
		conflicts--
		return conflict()
	}
	h.mu.Unlock()
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Zero(t, conflicts)
}

// holdGit lets every request to the Git server wait: entered tells of each, closing leave
// lets them go.
func (h *house) holdGit() (entered, leave chan struct{}) {
	entered, leave = make(chan struct{}, 10), make(chan struct{})
	h.server.Fault(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			entered <- struct{}{}
			<-leave
			git.ServeHTTP(w, r)
		})
	})
	return entered, leave
}

func TestAThousandWakesAreAtMostOneMore(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	entered, leave := h.holdGit()
	h.request(t, sourceID)
	<-entered
	for range 1000 {
		h.request(t, sourceID)
	}
	close(leave)
	h.server.Fault(nil)
	h.until(t, func() bool { return h.finished == 2 && h.sources[sourceID].RequestedAt == nil })
	h.stop()
	require.Equal(t, 2, h.begun)
	require.Equal(t, 1, h.server.Packs())
}

func TestStoppingInTheMiddleLosesNoRequest(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	h.server.Fault(gittest.Hang)
	h.request(t, sourceID)
	require.Equal(t, "list", <-h.server.Events())
	h.stop()
	require.NotNil(t, h.sources[sourceID].RequestedAt)
	require.Zero(t, h.finished, "a stop is no failure of the source")

	h.server.Fault(nil)
	h.start(t)
	h.until(t, func() bool { return h.finished == 1 })
	requireState(t, "true Synced", h.status(sourceID))
}

func TestManySourcesAtOnce(t *testing.T) {
	h := newHouse(t)
	files := map[string]string{}
	for i := range 12 {
		files[fmt.Sprintf("s%d/a.yaml", i)] = manifest(fmt.Sprintf("job-%d", i), "one")
	}
	h.repo.Commit(t, "first", files)
	for i := range 12 {
		h.addSource(fmt.Sprintf("many-%d", i), h.server.URL, fmt.Sprintf("s%d", i))
		h.request(t, fmt.Sprintf("many-%d", i))
	}
	h.until(t, func() bool { return len(h.states) == 12 })
}

// Two servers on one database: what one syncs, the other leaves alone, and neither waits.
func TestTwoServersSyncASourceOnce(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	entered, leave := h.holdGit()
	h.request(t, sourceID)
	<-entered
	second := &house{memStore: h.memStore, opts: h.opts}
	second.opts.DataDir = t.TempDir()
	second.start(t)
	h.request(t, sourceID) // a push while the first one syncs
	second.syncer.Wake()
	require.Error(t, h.SystemBeginSync(t.Context(), sourceID, "second", time.Now()))
	close(leave)
	h.server.Fault(nil)
	h.until(t, func() bool { return h.finished == 2 && h.sources[sourceID].RequestedAt == nil })
	requireState(t, "true Synced", h.status(sourceID))
	h.stop()
	second.stop()
	require.Equal(t, 2, h.begun, "one for the request, one for the push meanwhile")
}

func TestASourceThatAnotherServerTookIsLeftToIt(t *testing.T) {
	logs := &recorder{}
	h := newHouse(t, func(h *house) { h.opts.Log = slog.New(logs) })
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	h.server.Fault(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.mu.Lock()
			h.leases[sourceID] = memLease{"another", time.Now().Add(time.Minute)} // as if this one had slept
			h.mu.Unlock()
			git.ServeHTTP(w, r)
		})
	})
	h.request(t, sourceID)
	h.until(t, func() bool { return h.leases[sourceID].owner == "another" })
	h.stop()
	require.Zero(t, h.finished, "what it found is not stored over the other's")
	require.Empty(t, h.jobs(sourceID))
	require.Equal(t, "another", h.leases[sourceID].owner)
}
