package syncer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
)

// fleet is a house with n jobs, each on one agent of the role db, in force.
func fleet(t *testing.T, n int) *house {
	t.Helper()
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.addAgent("web", "web-01")
	h.repo.Commit(t, "all", fleetFiles(n, func(i int) string { return onRole(i, "db") }))
	requireState(t, "true Synced", h.sync(t, sourceID))
	return h
}

func onRole(i int, role string) string {
	return manifestFor(fmt.Sprintf("job-%02d", i), "one", "{labels: {role: "+role+"}}")
}

func fleetFiles(n int, content func(i int) string) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("jobs/job-%02d.yaml", i)] = content(i)
	}
	return files
}

func TestMassRemovalWaitsForAPerson(t *testing.T) {
	remove := func(n int) func(*testing.T, *house) {
		return func(t *testing.T, h *house) {
			h.repo.Commit(t, "change", fleetFiles(n, func(int) string { return gittest.Delete }))
		}
	}
	for name, c := range map[string]struct {
		jobs    int
		change  func(*testing.T, *house)
		removed int // entries held; 0: goes through
	}{
		"ten of twenty deleted":    {20, remove(10), 0},
		"eleven of twenty deleted": {20, remove(11), 11},
		"eleven of forty deleted":  {40, remove(11), 0},
		"twelve of forty deleted":  {40, remove(12), 0},
		"13 of forty deleted":      {40, remove(13), 13},
		"the only one deleted":     {1, remove(1), 1},
		"all of three deleted":     {3, remove(3), 3},
		"the folder moved away": {12, func(t *testing.T, h *house) {
			h.repo.Git(t, "mv", "jobs", ".jobs")
			h.repo.Commit(t, "hide", nil)
		}, 12},
		"targets relabelled": {12, func(t *testing.T, h *house) {
			h.repo.Commit(t, "relabel", fleetFiles(12, func(i int) string { return onRole(i, "nobody") }))
		}, 12},
		"targets moved to another host": {12, func(t *testing.T, h *house) {
			h.repo.Commit(t, "relabel", fleetFiles(12, func(i int) string { return onRole(i, "web") }))
		}, 12},
		"suspended in Git": {12, func(t *testing.T, h *house) {
			h.repo.Commit(t, "suspend", fleetFiles(12, func(i int) string { return onRole(i, "db") + "  suspend: true\n" }))
		}, 12},
		"renamed": {12, func(t *testing.T, h *house) {
			h.repo.Commit(t, "rename", fleetFiles(12, func(i int) string { return onRole(i+50, "db") }))
		}, 12},
		"ignored": {12, func(t *testing.T, h *house) {
			h.repo.Commit(t, "ignore", map[string]string{".crontopusignore": "jobs/"})
		}, 12},
		"changed, not removed": {12, func(t *testing.T, h *house) {
			h.repo.Commit(t, "change", fleetFiles(12, func(i int) string { return strings.Replace(onRole(i, "db"), "one", "two", 1) }))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := fleet(t, c.jobs)
			before := h.status(sourceID)
			c.change(t, h)
			status := h.sync(t, sourceID)
			if c.removed == 0 {
				requireState(t, "true Synced", status)
				require.Empty(t, status.HeldPlan)
				return
			}
			require.Contains(t, requireState(t, "false RemovalBlocked", status), status.HeldPlan)
			require.Equal(t, before.LastAppliedRevision, status.LastAppliedRevision)
			require.Len(t, h.jobs(sourceID), c.jobs)
			plan := h.lastSync(t).Plan
			require.Len(t, plan.Removed, c.removed)
			require.Equal(t, plan.Digest(), status.HeldPlan)
			require.Contains(t, plan.Removed[0], "test/job-00@db-01")

			h.approve(sourceID, strings.Repeat("0", 64))
			requireState(t, "false RemovalBlocked", h.sync(t, sourceID))
			require.Len(t, h.jobs(sourceID), c.jobs)

			h.approve(sourceID, status.HeldPlan)
			approved := h.sync(t, sourceID)
			requireState(t, "true Synced", approved)
			require.Empty(t, approved.HeldPlan)
			require.Empty(t, h.sources[sourceID].Approved, "an approval is used once")
		})
	}
}

func TestASquashHasTheSamePlanAndMoreHasAnother(t *testing.T) {
	h := fleet(t, 12)
	h.repo.Commit(t, "one half", fleetFiles(6, func(int) string { return gittest.Delete }))
	h.repo.Git(t, "rm", "--quiet", "jobs/job-06.yaml", "jobs/job-07.yaml", "jobs/job-08.yaml", "jobs/job-09.yaml", "jobs/job-10.yaml")
	h.repo.Commit(t, "the other", nil)
	held := h.sync(t, sourceID).HeldPlan
	require.NotEmpty(t, held)

	h.repo.Git(t, "reset", "--quiet", "--soft", "HEAD~2")
	h.repo.Git(t, "commit", "--quiet", "--message", "squashed")
	require.Equal(t, held, h.sync(t, sourceID).HeldPlan)

	h.approve(sourceID, held)
	h.repo.Commit(t, "the last too", map[string]string{"jobs/job-11.yaml": gittest.Delete})
	status := h.sync(t, sourceID)
	requireState(t, "false RemovalBlocked", status)
	require.NotEqual(t, held, status.HeldPlan)
}

func TestTakingTheRemovalBackNeedsNobody(t *testing.T) {
	h := fleet(t, 3)
	h.repo.Commit(t, "gone", fleetFiles(3, func(int) string { return gittest.Delete }))
	requireState(t, "false RemovalBlocked", h.sync(t, sourceID))
	h.repo.Git(t, "revert", "--no-edit", "HEAD")
	status := h.sync(t, sourceID)
	requireState(t, "true Synced", status)
	require.Empty(t, status.HeldPlan)
}

func TestALostBranchHasNoPlan(t *testing.T) {
	h := fleet(t, 3)
	h.repo.Commit(t, "gone", fleetFiles(3, func(int) string { return gittest.Delete }))
	held := h.sync(t, sourceID).HeldPlan
	h.repo.Git(t, "branch", "--move", gittest.Branch, "other")
	status := h.sync(t, sourceID)
	requireState(t, "false FetchFailed", status)
	require.Equal(t, held, status.HeldPlan, "still what is to be decided")
	require.Len(t, h.jobs(sourceID), 3)
}

func TestWithoutHostsNothingIsRemoved(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "all", fleetFiles(20, func(i int) string { return onRole(i, "db") }))
	h.sync(t, sourceID)
	h.repo.Commit(t, "gone", fleetFiles(20, func(int) string { return gittest.Delete }))
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Empty(t, h.jobs(sourceID))
}
