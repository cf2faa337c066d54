package store

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func openFile(t *testing.T, path string) *Store {
	box, err := NewBox("test", [32]byte{1})
	require.NoError(t, err)
	s, err := Open(t.Context(), Options{Path: path, Box: box, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return s
}

// What was answered is on the disk, which no killed process could show: FULL syncs the log at
// each commit, where NORMAL, WAL's companion in most guides, would lose the last ones.
func TestSQLiteWaitsForTheDiskAtEachCommit(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "crontopus.db"))
	defer func() { require.NoError(t, s.Close()) }()
	e := s.engine.(seam).engine.(*sqliteEngine)
	for name, db := range map[string]*sql.DB{"writer": e.writer.DB, "reader": e.reader.DB} {
		var full int
		var mode string
		require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&full))
		require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
		require.Equal(t, 2, full, name)
		require.Equal(t, "wal", mode, name)
	}
}

func TestWhatAKilledServerHeldOfASQLiteFileIsFree(t *testing.T) {
	path, ctx, now := filepath.Join(t.TempDir(), "crontopus.db"), t.Context(), time.Now()
	s := openFile(t, path)
	require.NoError(t, s.CreateSource(ctx, crontopus.DefaultTenant, "me", crontopus.Source{ID: "1", Name: "ops", CreatedAt: now}, crontopus.SourceSecrets{}))
	require.NoError(t, s.SystemBeginSync(ctx, "1", "killed", now))
	require.NoError(t, s.SystemLeasePublisher(ctx, "killed", now, now.Add(time.Minute)))
	due, err := s.SystemDueSources(ctx, now)
	require.NoError(t, err)
	require.Empty(t, due)
	require.NoError(t, s.Close())

	s = openFile(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	due, err = s.SystemDueSources(ctx, now)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, s.SystemBeginSync(ctx, "1", "next", now))
	require.NoError(t, s.SystemLeasePublisher(ctx, "next", now, now.Add(time.Minute)))
}

// Another file lies where the database was, and a connection has to be made: it is made to neither. A log that is
// not taken in yet stays beside it, and all is there when the file is back.
func TestSQLiteMakesNoConnectionToAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openFile(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: "x"}))
	e := s.engine.(seam).engine.(*sqliteEngine)
	require.NoError(t, e.reader.PingContext(t.Context())) // whoever closes the last connection takes the log in
	require.NoError(t, os.Rename(path, path+".away"))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for name, db := range map[string]*sql.DB{"writer": e.writer.DB, "checkpoints": e.checkpoints.beside} {
		db.SetConnMaxLifetime(time.Nanosecond)
		_, err := db.ExecContext(t.Context(), "SELECT 1")
		require.ErrorContains(t, err, "moved, removed or replaced", name)
	}
	other, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, other.Size())
	log, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Positive(t, log.Size())
	require.NoError(t, os.Rename(path+".away", path))
	var kept int
	require.NoError(t, e.writer.QueryRowContext(t.Context(), "SELECT count(*) FROM tenants WHERE id = 'x'").Scan(&kept))
	require.Equal(t, 1, kept)
}
