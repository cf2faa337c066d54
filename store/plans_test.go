package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// The runs of a job are found by an index, not among those of all jobs: in a database, and in the copy of one.
func TestSQLiteFindsTheRunsOfAJob(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	_, err := s.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{success(uuid.NewString()), success(uuid.NewString())})
	require.NoError(t, err)
	requireRunsByJob(t, s)
	require.NoError(t, s.Close())
	restored := filepath.Join(t.TempDir(), "crontopus.db")
	require.NoError(t, store.Snapshot(t.Context(), path, restored))
	s = openAt(t, restored)
	defer func() { require.NoError(t, s.Close()) }()
	requireRunsByJob(t, s)
}

func requireRunsByJob(t *testing.T, s *store.Store) {
	here, job := crontopus.DefaultTenant, crontopus.JobName{Namespace: "production", Name: "backup"}
	list := func(f crontopus.RunFilter) func(context.Context) error {
		f.Job = &job
		return func(ctx context.Context) error {
			_, _, err := s.Runs(ctx, here, f, crontopus.Page{Limit: 100})
			return err
		}
	}
	for name, ask := range map[string]func(context.Context) error{
		"list":       list(crontopus.RunFilter{}),
		"list since": list(crontopus.RunFilter{Since: time.Now().Add(-time.Hour), Until: time.Now()}),
		"list agent": list(crontopus.RunFilter{Agent: "db-01"}),
		"list bad":   list(crontopus.RunFilter{State: crontopus.RunFailed}),
		"list good":  list(crontopus.RunFilter{State: crontopus.RunSucceeded}),
		"last": func(ctx context.Context) error {
			_, err := s.LastRuns(ctx, here, []crontopus.JobName{job})
			return err
		},
		"retention": func(ctx context.Context) error {
			_, err := s.SystemPruneRuns(ctx, time.Time{}, 1)
			return err
		},
		"detector": func(ctx context.Context) error {
			_, err := s.SystemLook(ctx, time.Now().Add(30*24*time.Hour), 1000, func(looks []crontopus.Look) []crontopus.Verdict {
				verdicts := make([]crontopus.Verdict, len(looks))
				for i := range looks {
					verdicts[i].Watch = looks[i].Watch
				}
				return verdicts
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			plans, err := store.Explained(t.Context(), s, "FROM runs", "name = $3", func() error { return ask(t.Context()) })
			require.NoError(t, err)
			require.NotEmpty(t, plans)
			for _, plan := range plans {
				require.Contains(t, plan, "USING INDEX runs_job (name=? AND namespace=? AND tenant_id=?")
			}
		})
	}
}

// Of all jobs together, the few that did not go well are found by theirs.
func TestSQLiteFindsTheBadRuns(t *testing.T) {
	requirePlan(t, "ORDER BY", crontopus.RunFilter{State: crontopus.RunFailed}, "USING INDEX runs_bad")
}

// The runs of an agent are read newest first, and not all of them to sort them.
func TestSQLiteReadsNoMoreRunsOfAnAgentThanItLists(t *testing.T) {
	requirePlan(t, "agent_id IN", crontopus.RunFilter{Agent: "db-01"}, "USING INDEX runs_newest")
}

// requirePlan lists runs, and looks at how the query with that part is gone about: in the order of an index.
func requirePlan(t *testing.T, part string, f crontopus.RunFilter, index string) {
	s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	plans, err := store.Explained(t.Context(), s, "FROM runs", part, func() error {
		_, _, err := s.Runs(t.Context(), crontopus.DefaultTenant, f, crontopus.Page{Limit: 100})
		return err
	})
	require.NoError(t, err)
	require.Len(t, plans, 1)
	require.Contains(t, plans[0], index)
	require.NotContains(t, plans[0], "TEMP B-TREE")
}
