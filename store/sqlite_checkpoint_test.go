package store

import (
	"database/sql"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// Nobody has to write much, or stop writing, for the log to be taken in and begin anew.
func TestSQLitesLogBeginsAnewWhileSomebodyWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openFile(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	before, _ := logOf(t, path)
	for deadline := time.Now().Add(30 * time.Second); ; {
		require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: crontopus.TenantID(uuid.NewString())}))
		now, size := logOf(t, path)
		require.Less(t, size, int64(64<<20))
		if now > before {
			return
		}
		require.True(t, time.Now().Before(deadline), "the log has %d bytes and goes on", size)
	}
}

// logOf tells how often the log of a database has begun, and its file's size
// (https://www.sqlite.org/fileformat2.html#walformat).
func logOf(t *testing.T, path string) (begun uint32, size int64) {
	t.Helper()
	f, err := os.Open(path + "-wal")
	require.NoError(t, err)
	defer f.Close()
	header := make([]byte, 16)
	_, err = io.ReadFull(f, header)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	return binary.BigEndian.Uint32(header[12:]), info.Size()
}

// A reader who stays, as a backup does, makes the log grow; who writes afterwards does not have to take
// all of it in, and the file does not stay as large.
func TestSQLitesLogShrinksAfterALongReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openFile(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	other, err := sql.Open("sqlite", sqliteDSN(path, ""))
	require.NoError(t, err)
	defer other.Close()
	reader, err := other.Conn(t.Context())
	require.NoError(t, err)
	_, err = reader.ExecContext(t.Context(), "BEGIN; SELECT count(*) FROM tenants")
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "CREATE TABLE ballast (data BLOB)")
	require.NoError(t, err)
	for range 300 {
		_, err = other.ExecContext(t.Context(), "INSERT INTO ballast SELECT zeroblob(1000000)")
		require.NoError(t, err)
	}
	_, size := logOf(t, path)
	require.Greater(t, size, int64(300_000_000))
	require.NoError(t, reader.Close())
	require.NoError(t, other.Close())
	require.Eventually(t, func() bool {
		require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: crontopus.TenantID(uuid.NewString())}))
		_, size := logOf(t, path)
		return size <= 256<<20
	}, 30*time.Second, 10*time.Millisecond)
}
