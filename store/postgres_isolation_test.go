package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store/storetest"
)

// connect is a connection behind the store's back, as the server's own role.
func connect(t testing.TB, url string) *pgx.Conn {
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

// ofTheQueue are River's own tables. They are the installation's: a job in them holds the names of a
// tenant and a notification, and whoever works it asks for the rest in that tenant's scope.
var ofTheQueue = []string{"river_job", "river_leader", "river_migration", "river_notification", "river_queue", "river_client", "river_client_queue"}

// tables returns every table of the schema that tenants have rows in, from the catalogue,
// with the column that says whose they are.
func tables(t testing.TB, c *pgx.Conn) map[string]string {
	found, err := c.Query(t.Context(), `
		SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
			AND relname NOT IN ('installation', 'goose_db_version') AND NOT relname = ANY($1)`, ofTheQueue)
	require.NoError(t, err)
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	owner := map[string]string{}
	for _, name := range names {
		owner[name] = "tenant_id"
	}
	owner["tenants"] = "id"
	return owner
}

func TestPostgresEveryTableIsBehindItsPolicy(t *testing.T) {
	url := pgtest.Database(t)
	openURL(t, url)
	c := connect(t, url)
	all := tables(t, c)
	require.Greater(t, len(all), 10)
	for name, column := range all {
		var enabled, forced bool
		require.NoError(t, c.QueryRow(t.Context(), `
			SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::regclass`, name).Scan(&enabled, &forced))
		require.True(t, enabled && forced, "%s: ALTER TABLE … ENABLE and FORCE ROW LEVEL SECURITY in its migration", name)
		var policies int
		var rule, check, command string
		require.NoError(t, c.QueryRow(t.Context(), `
			SELECT count(*) OVER (), qual, COALESCE(with_check, qual), cmd FROM pg_policies
			WHERE schemaname = current_schema() AND tablename = $1`, name).Scan(&policies, &rule, &check, &command), name)
		require.Equal(t, 1, policies, "%s: policies add up, so one is enough", name)
		require.Equal(t, "ALL", command, name)
		setting := "(current_setting('crontopus.tenant'::text, true) = "
		want := "(" + setting + column + ") OR " + setting + "'*'::text))"
		require.Equal(t, want, rule, name)
		require.Equal(t, want, check, name)
	}
}

// unwritten are the tables that no method writes yet.
var unwritten = []string{"ping_keys", "silences"}

func TestPostgresShowsTheServersRoleOnlyTheTenantThatItNames(t *testing.T) {
	url := pgtest.Database(t)
	s := openURL(t, url)
	for _, tenant := range []crontopus.TenantID{"one", "two"} {
		storetest.Furnish(t, s, tenant)
	}
	for _, tenant := range []crontopus.TenantID{"one", "two"} {
		storetest.Signal(t, s, tenant)
	}
	c := connect(t, url)
	sees := func(scope, table, column string) (owners []string) {
		tx, err := c.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
		if scope != "" {
			_, err = tx.Exec(t.Context(), "SELECT set_config('crontopus.tenant', $1, true)", scope)
			require.NoError(t, err)
		}
		found, err := tx.Query(t.Context(), "SELECT DISTINCT "+column+" FROM "+table+" WHERE "+column+" <> 'default' ORDER BY 1")
		require.NoError(t, err)
		owners, err = pgx.CollectRows(found, pgx.RowTo[string])
		require.NoError(t, err)
		return owners
	}
	for table, column := range tables(t, c) {
		if slices.Contains(unwritten, table) {
			require.Empty(t, sees("*", table, column), "%s is written now: take it from the list", table)
			continue
		}
		require.Empty(t, sees("", table, column), "%s without a scope", table)
		require.Equal(t, []string{"one"}, sees("one", table, column), table)
		require.Equal(t, []string{"two"}, sees("two", table, column), table)
		require.Equal(t, []string{"one", "two"}, sees("*", table, column), table)
		require.Empty(t, sees("nobody", table, column), table)
		require.Empty(t, sees("", table, column), "%s: a scope ends with its transaction", table)

		tx, err := c.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "SELECT set_config('crontopus.tenant', 'one', true)")
		require.NoError(t, err)
		changed, err := tx.Exec(t.Context(), "UPDATE "+table+" SET "+column+" = "+column+" WHERE "+column+" = 'two'")
		require.NoError(t, err)
		require.Zero(t, changed.RowsAffected(), table)
		_, err = tx.Exec(t.Context(), "UPDATE "+table+" SET "+column+" = 'two'")
		require.ErrorContains(t, err, "row-level security", "%s: giving rows away", table)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
