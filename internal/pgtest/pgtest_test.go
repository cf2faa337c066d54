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
	var c cluster
	require.NoError(t, c.start())
	require.NoError(t, c.psql("SELECT 1"))
	require.Error(t, c.psql("SELECT nothing"))
	require.NoError(t, c.stop())
	require.NoDirExists(t, c.dir)
	require.Error(t, c.psql("SELECT 1"))
}
