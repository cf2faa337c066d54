package syncer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

// pin does what a person does: "" lets the source follow its branch again.
func (h *house) pin(commit string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sources[sourceID].Pinned = commit
}

func (h *house) pinned() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sources[sourceID].Pinned
}

// word is what the job named a says now.
func (h *house) word(t testing.TB) string {
	t.Helper()
	job := h.job(t, sourceID, "test/a")
	return job.Job.Spec.Run.Command[1]
}

// say commits the job a with a word.
func (h *house) say(t testing.TB, word string) (commit string) {
	t.Helper()
	return h.repo.Commit(t, "say "+word, map[string]string{"a.yaml": manifest("a", word)})
}

func TestAPinnedSourceStaysWhateverIsPushed(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	one := h.say(t, "one")
	h.sync(t, sourceID)
	bad := h.say(t, "bad")
	h.sync(t, sourceID)
	require.Equal(t, "bad", h.word(t))
	h.clearMarks()

	h.pin(one)
	status := h.sync(t, sourceID)
	message := requireState(t, "true Pinned", status)
	require.Equal(t, "1 job of main@sha1:"+one+" in force, pinned, 1 commit behind the branch's head main@sha1:"+bad, message)
	require.Equal(t, crontopus.Revision(gittest.Branch, one), status.LastAppliedRevision)
	require.Equal(t, &crontopus.PinStatus{HeadRevision: "main@sha1:" + bad, Behind: 1}, status.Pin)
	require.Equal(t, "one", h.word(t))
	require.Equal(t, one, h.job(t, sourceID, "test/a").Commit.Hash)
	require.Contains(t, h.marks, "id-db-01")
	require.True(t, h.status(sourceID).Conditions[0].Status)

	h.clearMarks()
	h.say(t, "two")
	head := h.repo.Commit(t, "nonsense", map[string]string{"a.yaml": "a: ["})
	sequence := h.states[sourceID].Sequence
	status = h.sync(t, sourceID)
	requireState(t, "true Pinned", status)
	require.Equal(t, &crontopus.PinStatus{HeadRevision: "main@sha1:" + head, Behind: 3}, status.Pin, "what is pushed is looked at")
	require.Equal(t, sequence, h.states[sourceID].Sequence, "and changes nothing")
	require.Empty(t, h.marks)

	packs := h.server.Packs()
	h.sync(t, sourceID)
	requireState(t, "true Pinned", h.status(sourceID))
	require.Equal(t, packs, h.server.Packs(), "a branch that stands still costs no fetch")
	require.Equal(t, 3, h.status(sourceID).Pin.Behind)

	h.pin("")
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Nil(t, h.status(sourceID).Pin)
	require.Equal(t, "one", h.word(t))
	h.say(t, "three")
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, "three", h.word(t))
}

func TestAPinIsFoundInAllOfTheBranchsHistory(t *testing.T) {
	h := newHouse(t)
	first := h.say(t, "first")
	h.repo.Git(t, "checkout", "--quiet", "-b", "feature")
	side := h.repo.Commit(t, "aside", map[string]string{"b.yaml": manifest("b", "x")})
	h.repo.Git(t, "checkout", "--quiet", gittest.Branch)
	h.say(t, "second")
	h.repo.Git(t, "merge", "--quiet", "--no-ff", "--message", "merge", "feature")
	h.repo.Git(t, "checkout", "--quiet", "-b", "unmerged")
	elsewhere := h.say(t, "elsewhere")
	h.repo.Git(t, "checkout", "--quiet", gittest.Branch)
	requireState(t, "true Synced", h.sync(t, sourceID)) // of which the mirror has the newest commit only

	h.pin(first[:7])
	status := h.sync(t, sourceID)
	requireState(t, "true Pinned", status)
	require.Equal(t, first, h.pinned(), "what was short is whole now")
	require.Equal(t, 3, status.Pin.Behind)
	require.Equal(t, "first", h.word(t))

	h.pin(side)
	requireState(t, "true Pinned", h.sync(t, sourceID))
	require.Equal(t, 2, h.status(sourceID).Pin.Behind)
	require.Len(t, h.jobs(sourceID), 2)

	for name, commit := range map[string]string{"on another branch": elsewhere, "nowhere": "0123456789012345678901234567890123456789"} {
		h.pin(commit)
		status := h.sync(t, sourceID)
		message := requireState(t, "false FetchFailed", status)
		require.Contains(t, message, "the history of branch main has no commit "+commit, name)
		require.Contains(t, message, "crontopus sources unpin", name)
		require.Equal(t, crontopus.Revision(gittest.Branch, side), status.LastAppliedRevision, name)
		require.Nil(t, status.NextAttemptAt, "a person must act")
	}
	h.pin("")
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, "second", h.word(t))
}

func TestThePinnedCommitLeavesTheBranch(t *testing.T) {
	h := newHouse(t)
	first := h.say(t, "first")
	h.sync(t, sourceID)
	second := h.say(t, "second")
	h.pin(second)
	requireState(t, "true Pinned", h.sync(t, sourceID))

	h.repo.Git(t, "reset", "--hard", "--quiet", first)
	third := h.say(t, "third")
	status := h.sync(t, sourceID)
	message := requireState(t, "true Pinned", status)
	require.Contains(t, message, "the branch's history was rewritten and has this commit no more (its head is main@sha1:"+third+")")
	require.True(t, status.Pin.Gone)
	require.Equal(t, "second", h.word(t), "stays as applied")
	h.poll(t, sourceID)
	require.Equal(t, message, requireState(t, "true Pinned", h.status(sourceID)))

	t.Run("and so says who must read it again", func(t *testing.T) {
		h.limit(crontopus.SourceLimits{MaxEntries: 7})
		requireState(t, "false FetchFailed", h.sync(t, sourceID))
		require.Equal(t, "second", h.word(t))
		h.limit(crontopus.SourceLimits{})
	})
	h.pin(first)
	requireState(t, "true Pinned", h.sync(t, sourceID))
	require.Equal(t, "first", h.word(t))
	require.Equal(t, &crontopus.PinStatus{HeadRevision: "main@sha1:" + third, Behind: 1}, h.status(sourceID).Pin)
}

func TestAPinPassesWhatEveryRevisionPasses(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	invalid := h.repo.Commit(t, "invalid", map[string]string{"a.yaml": "a: ["})
	empty := h.repo.Commit(t, "empty", map[string]string{"a.yaml": gittest.Delete})
	good := h.say(t, "good")
	h.sync(t, sourceID)

	h.pin(invalid)
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Equal(t, "good", h.word(t))

	h.pin(empty)
	status := h.sync(t, sourceID)
	requireState(t, "false RemovalBlocked", status)
	require.Equal(t, "good", h.word(t), "a rollback that removes everything waits for a person, too")
	h.approve(sourceID, status.HeldPlan)
	requireState(t, "true Pinned", h.sync(t, sourceID))
	require.Empty(t, h.jobs(sourceID))

	h.pin(good)
	message := requireState(t, "true Pinned", h.sync(t, sourceID))
	require.Contains(t, message, "pinned where the branch's head is")
	h.limit(crontopus.SourceLimits{Users: []string{"backup"}})
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
}

func TestAPinOutlivesTheMirror(t *testing.T) {
	h := newHouse(t)
	first := h.say(t, "first")
	h.say(t, "second")
	h.say(t, "third")
	h.pin(first)
	requireState(t, "true Pinned", h.sync(t, sourceID))
	require.NoError(t, os.RemoveAll(filepath.Clean(h.mirror())))
	h.say(t, "fourth")
	status := h.sync(t, sourceID)
	requireState(t, "true Pinned", status)
	require.Equal(t, 3, status.Pin.Behind)
	require.Equal(t, "first", h.word(t))
}
