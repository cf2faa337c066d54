package app_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/badnet"
	"crontopus.dev/crontopus/internal/pgtest"
)

// The connection is lost while PostgreSQL commits: nobody can know what came of it, so
// nobody is told that it is committed, and sending it again does no harm.
func TestAConnectionThatIsCutDuringACommit(t *testing.T) {
	cluster := pgtest.New(t)
	link := badnet.New(t, cluster.Address())
	database, err := cluster.Database()
	require.NoError(t, err)
	o := options(t)
	o.Database = link.Through(t, database)
	w := newWard(t, o)
	cluster.SQL(t, database, `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END'`,
		`CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON runs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()`)
	beside, err := pgx.Connect(t.Context(), pgtest.As(t, database, "postgres"))
	require.NoError(t, err)
	defer beside.Close(t.Context()) //nolint:errcheck // the connection was for looking only
	count := func(query string, args ...any) (n int) {
		require.NoError(t, beside.QueryRow(t.Context(), query, args...).Scan(&n))
		return n
	}
	_, err = beside.Exec(t.Context(), "SELECT pg_advisory_lock(42)")
	require.NoError(t, err)

	id := uuid.Must(uuid.NewV7()).String()
	l := &load{url: w.url, key: w.key, http: http.DefaultClient}
	answered := make(chan bool, 1)
	go func() { answered <- l.checkIn(id) }()
	until(t, "the commit is under way", func() bool {
		return count("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND query ILIKE 'commit%'") == 1
	})
	link.Cut()
	require.False(t, <-answered, "it was not committed when it was answered")
	require.Empty(t, l.wrong)
	require.Equal(t, 1, l.refused)
	require.Zero(t, count("SELECT count(*) FROM runs WHERE id = $1", id))

	_, err = beside.Exec(t.Context(), "SELECT pg_advisory_unlock(42)")
	require.NoError(t, err)
	until(t, "it is committed all the same", func() bool { return count("SELECT count(*) FROM runs WHERE id = $1", id) == 1 })
	link.Mend(t)
	until(t, "it is taken again", func() bool { return l.checkIn(id) })
	require.Equal(t, 1, count("SELECT count(*) FROM runs"))
	run, err := w.admin.Run(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, crontopus.RunSucceeded, run.State)
}

// Somebody's session holds the table: an answer comes all the same, in time.
func TestATableThatSomebodyElseLocks(t *testing.T) {
	cluster := pgtest.New(t)
	database, err := cluster.Database()
	require.NoError(t, err)
	o := options(t)
	o.Database = database
	w := newWard(t, o)
	beside, err := pgx.Connect(t.Context(), pgtest.As(t, database, "postgres"))
	require.NoError(t, err)
	defer beside.Close(t.Context()) //nolint:errcheck // the connection was for looking only
	w.survives(t, accident{
		begin: func(t *testing.T) {
			_, err := beside.Exec(t.Context(), "BEGIN; LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)
		},
		end: func(t *testing.T) {
			_, err := beside.Exec(t.Context(), "ROLLBACK")
			require.NoError(t, err)
		},
		ready: true,
	})
}
