package store

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// Nobody has to write 128 MiB, or stop writing, for the log to be taken in and begin anew.
func TestSQLitesLogBeginsAnewWhileSomebodyWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openFile(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	log := func() (begun uint32, size int64) {
		data, err := os.ReadFile(path + "-wal")
		require.NoError(t, err)
		return binary.BigEndian.Uint32(data[12:]), int64(len(data)) // https://www.sqlite.org/fileformat2.html#walformat
	}
	before, _ := log()
	for deadline := time.Now().Add(30 * time.Second); ; {
		require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: crontopus.TenantID(uuid.NewString())}))
		now, size := log()
		require.Less(t, size, int64(64<<20))
		if now > before {
			return
		}
		require.True(t, time.Now().Before(deadline), "the log has %d bytes and goes on", size)
	}
}
