package failpoint_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/pgtest"
)

func TestNothingIsCommittedWithoutBeingKilledAtIt(t *testing.T) {
	var done []string
	for _, tx := range transactions {
		done = append(done, "store.(*Store)."+tx.name)
	}
	slices.Sort(done)
	require.Equal(t, sites(t)["tx"], done, "who writes to the database is killed at it, in transactions_test.go")
}

// Each transaction is there as a whole, whichever moment of its commit the program dies in.
func TestKilledWhereverItCommits(t *testing.T) {
	for engine, database := range map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return filepath.Join(t.TempDir(), "crontopus.db") },
		"PostgreSQL": func(t testing.TB) string { return pgtest.Database(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dir, whole, killed := t.TempDir(), database(t), database(t)
			for _, tx := range transactions {
				do := func(database, stage, kill string) *process {
					return start(t, dir, []string{"FAILPOINT_KILL=" + kill}, "transactions", tx.name, stage, database)
				}
				site := "@store.(*Store)." + tx.name + "#1"
				do(whole, "do", "").succeeds(t)
				if tx.name == "setUp" { // nothing is there before it
					do(killed, "do", "tx:before-commit"+site).mustBeKilled(t)
					do(killed, "do", "tx:after-commit"+site).mustBeKilled(t)
					continue
				}
				if tx.before != nil {
					do(killed, "before", "").succeeds(t)
				}
				before := contents(t, killed)
				do(killed, "do", "tx:before-commit"+site).mustBeKilled(t)
				require.Equal(t, before, contents(t, killed), "%s was killed before its commit", tx.name)
				do(killed, "do", "tx:after-commit"+site).mustBeKilled(t)
				require.Equal(t, contents(t, whole), contents(t, killed), "%s was killed after its commit", tx.name)
			}
		})
	}
}

// masked are columns that differ each time, or that begin anew when a store is opened.
var masked = map[string][]string{
	"badges":          {"id"},
	"ping_urls":       {"id"},
	"audit":           {"id"},
	"incident_events": {"id"},
	"installation":    {"id", "publisher_owner", "publisher_until"},
	"secrets":         {"sealed", "updated_at"},
	"river_migration": {"created_at"},
	"sources":         {"secrets", "requested_by", "lease_owner", "lease_until", "next_attempt_at"},
}

// contents is all that a database holds, read behind the store's back.
func contents(t testing.TB, database string) map[string][]string {
	t.Helper()
	driver, name := "sqlite", "file:"+database
	tables := "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'"
	if strings.Contains(database, "://") {
		driver, name = "pgx", pgtest.As(t, database, "postgres")
		tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version'"
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	defer db.Close()
	all := map[string][]string{}
	for _, table := range column(t, db, tables) {
		all[table] = lines(t, db, table)
	}
	require.NotEmpty(t, all)
	return all
}

func column(t testing.TB, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var v string
		require.NoError(t, rows.Scan(&v))
		values = append(values, v)
	}
	require.NoError(t, rows.Err())
	return values
}

// lines spells every row of a table.
func lines(t testing.TB, db *sql.DB, table string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), `SELECT * FROM "`+table+`"`)
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		var line []string
		for i, name := range names {
			if !slices.Contains(masked[table], name) {
				line = append(line, fmt.Sprintf("%s=%v", name, values[i]))
			}
		}
		all = append(all, strings.Join(line, " "))
	}
	require.NoError(t, rows.Err())
	slices.Sort(all)
	return all
}
