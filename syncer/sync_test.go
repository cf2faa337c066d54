package syncer_test

import (
	"testing"

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
