package pgtest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestEveryTestHasAPlaceOfItsOwn(t *testing.T) {
	first, second := Database(t), Database(t)
	require.NotEqual(t, first, second)
	require.Contains(t, first, Role+"@")
	require.Contains(t, As(t, first, "postgres"), "postgres@")
	require.NotEqual(t, Name(t, first), Name(t, second))
	SQL(t, first, "CREATE TABLE t ()", "DROP TABLE t")
	require.DirExists(t, shared.dir)
}

func TestAClusterLeavesNothingBehind(t *testing.T) {
	var c Cluster
	require.NoError(t, c.start())
	require.NoError(t, c.psql("SELECT 1"))
	require.Error(t, c.psql("SELECT nothing"))
	require.NoError(t, c.Stop())
	require.NoDirExists(t, c.dir)
	require.Error(t, c.psql("SELECT 1"))
}

func TestAClusterOfItsOwnIsStoppedAndStarted(t *testing.T) {
	c := New(t, "max_connections=7")
	database, err := c.Database()
	require.NoError(t, err)
	require.Contains(t, database, c.Address())
	c.SQL(t, database, "CREATE TABLE t (n int)")
	for _, how := range []string{Fast, Immediate} {
		c.SQL(t, database, "INSERT INTO t VALUES (1)")
		c.Down(t, how)
		require.ErrorContains(t, c.psql("SELECT 1"), "refused")
		c.Up(t)
	}
	c.SQL(t, database, "DO $$ BEGIN ASSERT (SELECT count(*) FROM t) = 2; ASSERT current_setting('max_connections') = '7'; END $$")
	c.Down(t, Fast)
	c.Standby(t)
	c.Up(t)
	require.ErrorContains(t, c.psql("CREATE TABLE u ()"), "read-only transaction")
	c.SQL(t, database, "SELECT pg_promote()", "CREATE TABLE u ()")
}

func TestADiskOfItsOwnIsFull(t *testing.T) {
	c := NewOnDisk(t, "160m")
	database, err := c.Database()
	require.NoError(t, err)
	grow := "CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
	c.Fill(t)
	require.ErrorContains(t, c.psql(grow), "No space left on device")
	c.Free(t)
	c.SQL(t, database, grow)
	require.NoError(t, c.Stop())
	require.NoDirExists(t, c.dir)
}
