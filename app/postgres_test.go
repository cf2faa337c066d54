package app_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// What one server knows the other knows: a job synced by the first, a check-in at the
// second, the run at the first again.
func TestTwoServersShareAPostgreSQL(t *testing.T) {
	first := options(t)
	first.Database = pgtest.Database(t)
	a := open(t, first)
	stop := run(t, a)
	c := admin(t, a, first)
	withJob(t, c)

	second := options(t)
	second.Database = first.Database
	message, hint := refused(t, second)
	require.Contains(t, message, "box.key is missing", "keys of its own would lock agents out")
	require.Contains(t, hint, filepath.Join(second.Data, "keys"))
	copyKeys(t, first, second)
	b := open(t, second)
	run(t, b)
	require.NoFileExists(t, filepath.Join(second.Data, "admin.key"), "the first server made it")
	require.NoFileExists(t, filepath.Join(second.Data, "crontopus.db"))
	other, err := client.New(b.URL(), client.WithAPIKey(adminKey(t, first)))
	require.NoError(t, err)
	job, err := other.Job(t.Context(), crontopus.JobName{Namespace: "default", Name: "hello"})
	require.NoError(t, err)
	require.Equal(t, "hello", job.Job.Metadata.Name)

	id := uuid.Must(uuid.NewV7()).String()
	require.NoError(t, other.CheckIn(t.Context(), crontopus.CheckIn{RunID: id, Job: job.Job.Name(), Event: crontopus.EventSuccess, At: time.Now()}))
	got, err := c.Run(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, crontopus.RunSucceeded, got.State)
	require.NoError(t, stop())
	_, err = other.Run(t.Context(), id)
	require.NoError(t, err, "the other goes on")
}

func TestADatabaseThatKeepsTenantsApartByNobodyIsRefused(t *testing.T) {
	o := options(t)
	o.Database = pgtest.As(t, pgtest.Database(t), "postgres")
	message, hint := refused(t, o)
	require.Contains(t, message, `"postgres" is a superuser`)
	require.Contains(t, hint, store.RoleSQL)

	o.Database = "mysql://crontopus:hunter2@db/crontopus"
	message, hint = refused(t, o)
	require.NotContains(t, message+hint, "hunter2")
	require.Contains(t, hint, "postgres://")
}
