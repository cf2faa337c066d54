package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

func newBox(t testing.TB) *store.Box {
	box, err := store.NewBox("test", [32]byte{1})
	require.NoError(t, err)
	return box
}

func options(t testing.TB, path string) store.Options {
	return store.Options{Path: path, Box: newBox(t), Log: slog.New(slog.DiscardHandler)}
}

func openAt(t testing.TB, path string) *store.Store {
	s, err := store.Open(t.Context(), options(t, path))
	require.NoError(t, err)
	return s
}

// native opens the file behind the store's back.
func native(t testing.TB, path string) *sql.DB {
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.Store {
		s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}

func TestSQLiteKeepsEverythingOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	first, err := s.SystemInstallation(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.CreateSource(t.Context(), crontopus.DefaultTenant, "me",
		crontopus.Source{ID: "1", Name: "ops"}, crontopus.SourceSecrets{Password: "hunter2"}))
	require.NoError(t, s.Close())

	s = openAt(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	again, err := s.SystemInstallation(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, again)
	secrets, err := s.SourceSecrets(t.Context(), crontopus.DefaultTenant, "1")
	require.NoError(t, err)
	require.Equal(t, "hunter2", secrets.Password)
}

// A process that dies leaves the file and its log behind as they are, without Close.
func TestSQLiteKeepsWhatWasCommittedWhenTheProcessDies(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	s := openAt(t, filepath.Join(dir, "crontopus.db"))
	defer func() { require.NoError(t, s.Close()) }()
	key := crontopus.APIKey{ID: "k1", Tenant: crontopus.DefaultTenant, Role: crontopus.RoleAdmin, CreatedAt: time.UnixMicro(1).UTC()}
	require.NoError(t, s.CreateAPIKey(t.Context(), crontopus.DefaultTenant, "me", key, [32]byte{1}))
	for _, name := range []string{"crontopus.db", "crontopus.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(crashed, name), data, 0o600))
	}
	after := openAt(t, filepath.Join(crashed, "crontopus.db"))
	defer func() { require.NoError(t, after.Close()) }()
	got, err := after.SystemAPIKey(t.Context(), [32]byte{1})
	require.NoError(t, err)
	require.Equal(t, key, got)
}

func TestSQLiteOpensAtAnyPath(t *testing.T) {
	for _, name := range []string{"plain.db", "a b.db", "100%.db", "what?.db", "#1.db", "ünï.db", "a&_pragma=x.db"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			s := openAt(t, path)
			require.NoError(t, s.Ping(t.Context()))
			require.NoError(t, s.Close())
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NotZero(t, info.Size(), "the file of this name, not another")
			require.Equal(t, os.FileMode(0o600), info.Mode())
		})
	}
}

func TestSQLiteIsSetUpToKeepItsWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	require.NoError(t, openAt(t, path).Close())
	var mode string
	require.NoError(t, native(t, path).QueryRow("PRAGMA journal_mode").Scan(&mode))
	require.Equal(t, "wal", mode)
}

func TestSQLiteThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("this is not a database ", 100)), 0o600))
	for name, path := range map[string]string{
		"no folder":      filepath.Join(dir, "gone", "crontopus.db"),
		"a folder":       dir,
		"something else": filepath.Join(dir, "text"),
	} {
		_, err := store.Open(t.Context(), options(t, path))
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err), name)
	}
	_, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "x.db")})
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), "no box")
}

func TestSQLiteErrorsBecomeOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := s.SystemInstallation(ended)
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.ErrorIs(t, err, context.Canceled)
	err = s.SystemCreateTenant(ended, crontopus.Tenant{ID: "x"})
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))

	_, err = native(t, path).Exec("DROP TABLE runs")
	require.NoError(t, err)
	_, err = s.Run(t.Context(), crontopus.DefaultTenant, "x")
	require.Equal(t, crontopus.CodeInternal, crontopus.ErrorCode(err))

	require.NoError(t, s.Close())
	_, err = s.SystemInstallation(t.Context())
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(s.Ping(t.Context())))
}

func TestSQLiteLocksOfOthersEndWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	other, err := native(t, path).Conn(t.Context())
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	soon, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	err = s.SystemCreateTenant(soon, crontopus.Tenant{ID: "x"})
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	_, err = s.SystemInstallation(t.Context())
	require.NoError(t, err, "readers go on beside a writer")
}

// What somebody writes behind the store's back must reach the publisher, which refuses it
// and can say whose it is; an error here would stop everybody's bundles.
func TestSQLiteReadsDesiredStateThatIsNonsense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.CreateSource(t.Context(), crontopus.DefaultTenant, "me", crontopus.Source{ID: "1", Name: "ops"}, crontopus.SourceSecrets{}))
	job := crontopus.DesiredJob{Job: crontopus.Job{Metadata: crontopus.Metadata{Name: "backup", Namespace: "prod"}}, SourceID: "1"}
	write := func(sequence int64, rewrite bool) {
		t.Helper()
		require.NoError(t, s.FinishSync(t.Context(), crontopus.DefaultTenant, "1", crontopus.SyncOutcome{Rewrite: rewrite,
			Desired: &crontopus.DesiredState{SourceID: "1", Sequence: sequence, Jobs: []crontopus.DesiredJob{job}}}))
	}
	read := func() crontopus.DesiredJob {
		t.Helper()
		set, err := s.DesiredSet(t.Context(), crontopus.DefaultTenant)
		require.NoError(t, err)
		require.Len(t, set.States[0].Jobs, 1)
		return set.States[0].Jobs[0]
	}
	for i, column := range []string{"body", "commit_info"} {
		write(int64(2*i), false)
		require.Equal(t, "backup", read().Job.Metadata.Name)
		_, err := native(t, path).ExecContext(t.Context(), "UPDATE desired_jobs SET "+column+" = 'nonsense'")
		require.NoError(t, err)
		require.Empty(t, read().Job)
		write(int64(2*i+1), true)
		require.Equal(t, "backup", read().Job.Metadata.Name)
	}
}

// What somebody wrote into a job's body is not passed off under the digest of what was there.
func TestAJobsDigestIsThatOfItsBody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	s := openAt(t, path)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.CreateSource(t.Context(), crontopus.DefaultTenant, "me", crontopus.Source{ID: "1", Name: "ops"}, crontopus.SourceSecrets{}))
	job := crontopus.DesiredJob{Job: crontopus.Job{Metadata: crontopus.Metadata{Name: "backup", Namespace: "prod"}}, SourceID: "1"}
	job.Job.Spec.Schedule = crontopus.Schedules{"@daily"}
	job.Job.SetDefaults()
	job.Digest = job.Job.Digest()
	require.NoError(t, s.FinishSync(t.Context(), crontopus.DefaultTenant, "1", crontopus.SyncOutcome{
		Desired: &crontopus.DesiredState{SourceID: "1", Jobs: []crontopus.DesiredJob{job}}}))
	for what, c := range map[string]struct {
		body string
		same bool
	}{
		"as it was written":                   {text(t, job.Job), true},
		"the same, as another version writes": {" " + text(t, job.Job), true},
		"another job":                         {`{"metadata":{"name":"evil","namespace":"prod"}}`, false},
	} {
		_, err := native(t, path).ExecContext(t.Context(), "UPDATE desired_jobs SET body = $1", c.body)
		require.NoError(t, err)
		set, err := s.DesiredSet(t.Context(), crontopus.DefaultTenant)
		require.NoError(t, err)
		got := set.States[0].Jobs[0]
		require.Equal(t, got.Job.Digest(), got.Digest, what)
		require.Equal(t, c.same, got.Digest == job.Digest, what)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// What one transaction is the first to ask another may be about to keep prepared.
func TestSQLiteTransactionsAtOncePrepareWhatTheyAsk(t *testing.T) {
	for range 20 {
		s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for _, ask := range []func() error{
					func() error { _, err := s.SystemInstallation(t.Context()); return err },
					func() error { _, err := s.SystemKeyStatements(t.Context()); return err },
					func() error { _, err := s.SystemMarked(t.Context(), "", 1); return err },
					func() error { _, err := s.SystemDueSources(t.Context(), time.Now()); return err },
					func() error { _, err := s.DesiredSet(t.Context(), crontopus.DefaultTenant); return err },
				} {
					if err := ask(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
}
