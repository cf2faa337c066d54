package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// What was written to a file that nobody will find again was not kept, whatever SQLite says.
func TestSQLiteFileThatIsTakenAway(t *testing.T) {
	for name, suffix := range map[string]string{"the database": "", "its log": "-wal"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "crontopus.db")
			s := openAt(t, path)
			defer func() { require.NoError(t, s.Close()) }()
			require.NoError(t, os.Rename(path+suffix, path+".away"))
			for _, err := range []error{s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: "x"}), s.Ping(t.Context())} {
				require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
				require.ErrorContains(t, err, "moved, removed or replaced")
				require.Contains(t, crontopus.ErrorHint(err), "put it back")
			}
			require.NoFileExists(t, path+suffix, "nothing makes an empty one in its place")
			require.NoError(t, os.Rename(path+".away", path+suffix))
			require.NoError(t, s.Ping(t.Context()))
			require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: "y"}))
		})
	}
}

// Somebody who finds the log large removes it, or puts another in its place. Closing the database takes in what was in it.
func TestSQLiteLogThatIsGoneForEver(t *testing.T) {
	for name, meddle := range map[string]func(path string) error{
		"removed":  os.Remove,
		"emptied":  func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, []byte("log"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "crontopus.db")
			s := openAt(t, path)
			storetest.Furnish(t, s, crontopus.DefaultTenant)
			run := uuid.NewString()
			_, err := s.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{success(run)})
			require.NoError(t, err)
			require.NoError(t, meddle(path+"-wal"))
			require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(s.Ping(t.Context())))
			require.NoError(t, s.Close())

			s = openAt(t, path)
			defer func() { require.NoError(t, s.Close()) }()
			_, err = s.Run(t.Context(), crontopus.DefaultTenant, run)
			require.NoError(t, err)
			require.NoError(t, s.Ping(t.Context()))
		})
	}
}

// Whatever page of the file is overwritten: an error that says so, or no harm; never a crash.
func TestSQLitePagesThatAreDamaged(t *testing.T) {
	const page = 4096
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	require.NoError(t, s.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Zero(t, len(good)%page)
	told, named := 0, 0
	for n := range len(good) / page {
		bad := slices.Clone(good)
		for i := range page {
			bad[n*page+i] = byte(i*7 + n)
		}
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		s, err := store.Open(t.Context(), options(t, path))
		if err == nil {
			_, err = s.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{success(uuid.NewString())})
			_, _, listing := s.Jobs(t.Context(), crontopus.DefaultTenant, crontopus.Page{})
			err = errors.Join(err, listing)
			require.NoError(t, s.Close())
		}
		if err == nil {
			continue // a page of a table that nobody asked
		}
		told++
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err), "page %d: %v", n+1, err)
		require.NotEmpty(t, crontopus.ErrorHint(err), "page %d: %v", n+1, err)
		if strings.Contains(err.Error(), "damaged") {
			named++
		}
	}
	require.Greater(t, named*10, told*8, "nearly always the error names the damage")
	t.Logf("of %d damaged pages %d were met, and %d of them named", len(good)/page, told, named)
}
