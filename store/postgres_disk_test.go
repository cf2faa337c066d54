package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/pgtest"
)

func TestACommitIsWrittenWhateverTheRoleSays(t *testing.T) {
	database := pgtest.Database(t)
	for asked, want := range map[string]string{"off": "on", "on": "on", "remote_apply": "remote_apply"} {
		e, err := openPostgres(t.Context(), database+"&synchronous_commit="+asked)
		require.NoError(t, err)
		var is string
		require.NoError(t, e.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&is))
		require.Equal(t, want, is, asked)
		e.pool.Close()
	}
}
