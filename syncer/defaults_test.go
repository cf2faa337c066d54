package syncer_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

// bare is a job that leaves everything but its command to Defaults.
func bare(name string) string {
	return "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: " + name + "}\nspec: {run: {command: [/bin/echo]}}\n"
}

func defaultsFor(role, rest string) string {
	return "apiVersion: crontopus.dev/v1\nkind: Defaults\nmetadata: {namespace: test}\nspec:\n  schedule: '@daily'\n  target: {labels: {role: " + role + "}}\n" + rest
}

func TestAPushThatChangesDefaultsChangesTheJobsBelowThem(t *testing.T) {
	logs := &recorder{}
	h := newHouse(t, func(h *house) { h.opts.Log = slog.New(logs) })
	h.addAgent("db", "db-01")
	h.addAgent("web", "web-01")
	files := map[string]string{"team/defaults.yaml": defaultsFor("db", ""), "other/base.yml": defaultsFor("web", "")}
	for i := range 50 {
		files[fmt.Sprintf("team/%d.yaml", i)] = bare(fmt.Sprintf("team-%d", i))
		files[fmt.Sprintf("other/below/%d.yaml", i)] = bare(fmt.Sprintf("other-%d", i))
	}
	first := h.repo.Commit(t, "first", files)
	status := h.sync(t, sourceID)
	requireState(t, "true Synced", status)
	require.Equal(t, 100, status.Jobs)
	require.Equal(t, "team/0.yaml:3", h.jobs(sourceID)["test/team-0"])
	h.clearMarks()

	// Only the jobs below are decoded again, changed and put down to the commit.
	second := h.repo.Commit(t, "run as somebody", map[string]string{"team/defaults.yaml": defaultsFor("db", "  run: {user: batch}\n")})
	h.repo.Commit(t, "a comment", map[string]string{"other/below/1.yaml": "# a comment\n" + bare("other-1")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.EqualValues(t, 52, logs.stage(t, "decode")["decoded"])
	sync := h.lastSync(t)
	require.Equal(t, []any{0, 50, 0}, []any{sync.Added, sync.Changed, sync.Removed})
	require.Contains(t, h.marks, "id-db-01")
	require.NotContains(t, h.marks, "id-web-01")
	job := h.job(t, sourceID, "test/team-7")
	require.Equal(t, "batch", job.Job.Spec.Run.User)
	require.Equal(t, crontopus.Revision(gittest.Branch, second), job.Revision)
	require.Equal(t, crontopus.Revision(gittest.Branch, first), h.job(t, sourceID, "test/other-7").Revision)

	// As if nobody had remembered anything.
	before := h.job(t, sourceID, "test/team-7")
	h.stop()
	h.start(t)
	h.repo.Commit(t, "another comment", map[string]string{"other/below/2.yaml": "# a comment\n" + bare("other-2")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, []any{0, 0, 0}, []any{h.lastSync(t).Added, h.lastSync(t).Changed, h.lastSync(t).Removed})
	require.Equal(t, before, h.job(t, sourceID, "test/team-7"))

	// Without its Defaults no job of the folder is whole, and nothing changes.
	h.repo.Git(t, "rm", "-q", "team/defaults.yaml")
	h.repo.Commit(t, "no defaults", nil)
	status = h.sync(t, sourceID)
	requireState(t, "false ValidationFailed", status)
	require.Len(t, h.lastSync(t).Problems, 50)
	require.Len(t, h.jobs(sourceID), 100)
}

func TestABadValueInDefaultsIsToldOnceAndChangesNothing(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.repo.Commit(t, "first", map[string]string{"defaults.yaml": defaultsFor("db", ""), "a.yaml": bare("a"), "b/b.yaml": bare("b")})
	requireState(t, "true Synced", h.sync(t, sourceID))

	h.repo.Commit(t, "a mistake", map[string]string{"defaults.yaml": defaultsFor("db", "  timezone: Mars/Olympus\n")})
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Equal(t, []string{"defaults.yaml:7:13"}, problemPlaces(h.lastSync(t)))

	h.repo.Commit(t, "another", map[string]string{"defaults.yaml": defaultsFor("db", ""), "more.yaml": defaultsFor("db", "")})
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Equal(t, []string{"defaults.yaml:2:7", "more.yaml:2:7"}, problemPlaces(h.lastSync(t)))
	require.Len(t, h.jobs(sourceID), 2)
}

func problemPlaces(s crontopus.Sync) (places []string) {
	for _, p := range s.Problems {
		places = append(places, p.Place())
	}
	return places
}

func TestDefaultsThatTakeEverythingAwayAreHeld(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.repo.Commit(t, "first", map[string]string{"defaults.yaml": defaultsFor("db", ""), "a.yaml": bare("a"), "b/b.yaml": bare("b")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	h.repo.Commit(t, "rest", map[string]string{"defaults.yaml": defaultsFor("db", "  suspend: true\n")})
	requireState(t, "false RemovalBlocked", h.sync(t, sourceID))
	require.Equal(t, []string{"test/a@db-01", "test/b@db-01"}, h.lastSync(t).Plan.Removed)
}

func TestALimitThatDefaultsCrossIsToldWhereTheyStand(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.mu.Lock()
	h.sources[sourceID].Limits = crontopus.SourceLimits{Users: []string{"app"}}
	h.mu.Unlock()
	h.repo.Commit(t, "first", map[string]string{
		"defaults.yaml": defaultsFor("db", "  run: {user: root}\n"), "a.yaml": bare("a"), "b/b.yaml": bare("b"),
	})
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Equal(t, []string{"defaults.yaml:7:15"}, problemPlaces(h.lastSync(t)))
}

// One text in two folders is two manifests, if the folders' Defaults differ.
func TestOneBlobInTwoFoldersHasTheDefaultsOfEach(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.repo.Commit(t, "first", map[string]string{
		"a/defaults.yaml": defaultsFor("db", ""), "b/defaults.yaml": defaultsFor("db", "  suspend: true\n") + "---\n" + bare("y"),
		"a/job.yaml": bare("x"), "c/defaults.yaml": defaultsFor("web", "") + "---\n" + bare("z"),
	})
	requireState(t, "true Synced", h.sync(t, sourceID))
	h.repo.Commit(t, "copy", map[string]string{"b/job.yaml": bare("x"), "b/defaults.yaml": defaultsFor("db", "  suspend: true\n"), "a/defaults.yaml": defaultsFor("db", "") + "---\n" + bare("y")})
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Equal(t, []string{"a/job.yaml:3:18", "b/job.yaml:3:18"}, problemPlaces(h.lastSync(t)))
	h.repo.Git(t, "rm", "-q", "a/job.yaml")
	h.repo.Commit(t, "move", nil)
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.True(t, h.job(t, sourceID, "test/x").Job.Spec.Suspend)
	require.False(t, h.job(t, sourceID, "test/y").Job.Spec.Suspend)
}
