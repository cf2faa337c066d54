package store_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

func apiKey(id string) crontopus.APIKey {
	return crontopus.APIKey{ID: id, Tenant: crontopus.DefaultTenant, Role: crontopus.RoleViewer, CreatedAt: time.UnixMicro(1)}
}

// snapshot copies the database at path into a new file.
func snapshot(t testing.TB, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(to, nil, 0o600))
	require.NoError(t, store.Snapshot(t.Context(), path, to))
	return to
}

// A key and its audit row are one transaction: no copy may hold one without the other,
// however busy the writer is.
func TestASnapshotOfABusyDatabaseIsOneMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	started := make(chan struct{})
	writing.Go(func() {
		for first := true; ctx.Err() == nil; first = false {
			id := uuid.NewString()
			if err := s.CreateAPIKey(context.WithoutCancel(ctx), crontopus.DefaultTenant, "me", apiKey(id), [32]byte([]byte(id))); err != nil {
				t.Error(err)
			}
			if first {
				close(started)
			}
		}
	})
	<-started
	before := int64(0)
	for range 5 {
		census, err := store.Examine(t.Context(), snapshot(t, path))
		require.NoError(t, err)
		require.Equal(t, census.Rows["api_keys"], census.Rows["audit"])
		require.GreaterOrEqual(t, census.Rows["api_keys"], max(before, 1))
		before = census.Rows["api_keys"]
	}
	stop()
	writing.Wait()
}

func TestExamineSaysWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	require.NoError(t, openAt(t, path).Close())
	for name, c := range map[string]struct {
		harm    func(t *testing.T, file string)
		code    string
		message string
	}{
		"not a database": {func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, []byte("hello, this is no database at all, whatever its name says"), 0o600))
		}, crontopus.CodeUnavailable, "not a database"},
		"a damaged page": {func(t *testing.T, file string) {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 8192), 4096)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}, "", "damaged"},
		"a reference to nothing": {func(t *testing.T, file string) {
			_, err := native(t, file).Exec("INSERT INTO publish_marks (tenant_id, agent_id, version, pending) VALUES ('default', 'nobody', 1, 1)")
			require.NoError(t, err)
		}, crontopus.CodeInvalid, "refer to others"},
		"a newer schema": {func(t *testing.T, file string) {
			_, err := native(t, file).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, 1)")
			require.NoError(t, err)
		}, crontopus.CodeUnsupported, "newer version"},
		"somebody else's": {func(t *testing.T, file string) {
			_, err := native(t, file).Exec("DROP TABLE goose_db_version")
			require.NoError(t, err)
		}, crontopus.CodeInvalid, "no database of Crontopus"},
	} {
		t.Run(name, func(t *testing.T) {
			file := snapshot(t, path)
			c.harm(t, file)
			_, err := store.Examine(t.Context(), file)
			require.ErrorContains(t, err, c.message)
			if c.code != "" {
				require.Equal(t, c.code, crontopus.ErrorCode(err))
			}
		})
	}
}

func TestASnapshotOfNothingIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.Error(t, store.Snapshot(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "copy.db")))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
