package store_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func urlOptions(t testing.TB, url string) store.Options {
	return store.Options{URL: url, Box: newBox(t), Log: slog.New(slog.DiscardHandler)}
}

// openURL opens one more server's store on a database.
func openURL(t testing.TB, url string) *store.Store {
	s, err := store.Open(t.Context(), urlOptions(t, url))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.Store { return openURL(t, pgtest.Database(t)) })
}

func TestPostgresServersThatStartAtOnceAgree(t *testing.T) {
	url := pgtest.Database(t)
	found := make([]crontopus.Installation, 6)
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() {
			s, err := store.Open(t.Context(), urlOptions(t, url))
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if found[i], err = s.SystemInstallation(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, i := range found {
		require.Equal(t, found[0], i)
	}
}

// A failure is being recorded by one server while its sender, who got no answer, tells it again to another, with what
// went well since: that ends an incident, so the detector must hear of it.
func TestPostgresWhatWaitedForAFailureIsASignal(t *testing.T) {
	url := pgtest.Database(t)
	s := openURL(t, url)
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	watch := crontopus.EntryWatchID(success("").Job, "")
	pgtest.SQL(t, url, `INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
		VALUES ('default', '`+watch+`', 'entry', 'production', 'backup', '', '', 9000000000000000, 0, '{}')`)
	pool, err := pgxpool.New(t.Context(), pgtest.As(t, url, "postgres"))
	require.NoError(t, err)
	defer pool.Close()
	failed, went := success(uuid.NewString()), success(uuid.NewString())
	failed.Event = crontopus.EventFailure

	other, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), `INSERT INTO runs (tenant_id, id, namespace, name, at, state, finished_at, attempt, message, revision, output)
		VALUES ('default', $1, 'production', 'backup', $2, 'failed', $2, 1, '', '', '')`, failed.RunID, failed.At.UnixMicro())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), "UPDATE watches SET alert = 1 WHERE id = $1", watch)
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := s.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{failed, went})
		answered <- err
	}()
	require.Eventually(t, func() bool {
		var waits bool
		err := pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)").Scan(&waits)
		return err == nil && waits
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, other.Commit(t.Context()))
	require.NoError(t, <-answered)

	var told int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM signals WHERE run_id = $1", went.RunID).Scan(&told))
	require.Equal(t, 1, told)
}

func TestPostgresRolesThatNothingBindsAreRefused(t *testing.T) {
	url := pgtest.Database(t)
	pgtest.SQL(t, url, "CREATE ROLE free LOGIN BYPASSRLS")
	for _, role := range []string{"postgres", "free"} {
		_, err := store.Open(t.Context(), urlOptions(t, pgtest.As(t, url, role)))
		require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err), role)
		require.ErrorContains(t, err, `"`+role+`"`)
		require.Contains(t, crontopus.ErrorHint(err), store.RoleSQL)
	}
}

func TestPostgresTheLinesThatMakeARoleDo(t *testing.T) {
	url := pgtest.Database(t)
	lines := strings.Split(strings.ReplaceAll(store.RoleSQL, "crontopus", "fresh"), "\n")
	require.Len(t, lines, 4)
	pgtest.SQL(t, url, lines...)
	fresh := strings.Replace(pgtest.As(t, url, "fresh"), "/postgres?", "/fresh?", 1)
	s := openURL(t, strings.Replace(fresh, "search_path="+pgtest.Name(t, url), "search_path=public", 1))
	require.NoError(t, s.Ping(t.Context()))
}

func TestPostgresThatDoesNotWaitForItsDiskIsRefused(t *testing.T) {
	url := pgtest.Database(t) // of a cluster that says of itself that it may lose everything
	_, err := store.Open(t.Context(), urlOptions(t, url+"&crontopus.throw_away=off"))
	require.Equal(t, crontopus.CodeUnsupported, crontopus.ErrorCode(err))
	require.ErrorContains(t, err, "fsync is off")
	require.Contains(t, crontopus.ErrorHint(err), "ALTER SYSTEM SET fsync = on")
}

func TestPostgresThatCannotBeReached(t *testing.T) {
	url := pgtest.Database(t)
	for name, test := range map[string]struct{ url, code string }{
		"nobody listens": {"postgres://crontopus:hunter2@127.0.0.1:1/crontopus", crontopus.CodeUnavailable},
		"no such role":   {pgtest.As(t, url, "nobody"), crontopus.CodeUnavailable},
		"no address":     {"postgres://crontopus:hunter2@:x:y/", crontopus.CodeInvalid},
	} {
		_, err := store.Open(t.Context(), urlOptions(t, test.url))
		require.Equal(t, test.code, crontopus.ErrorCode(err), "%s: %v", name, err)
		require.NotEmpty(t, crontopus.ErrorHint(err), name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
	_, err := store.Open(t.Context(), store.Options{URL: url, Path: "both", Box: newBox(t)})
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
}

func TestPostgresErrorsBecomeOurs(t *testing.T) {
	url := pgtest.Database(t)
	s := openURL(t, url)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := s.SystemInstallation(ended)
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.ErrorIs(t, err, context.Canceled)

	_, err = s.AgentByName(t.Context(), crontopus.DefaultTenant, "a\x00b")
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))

	pgtest.SQL(t, url, "ALTER TABLE runs RENAME TO gone")
	_, err = s.Run(t.Context(), crontopus.DefaultTenant, "x")
	require.Equal(t, crontopus.CodeInternal, crontopus.ErrorCode(err))

	require.NoError(t, s.Close())
	_, err = s.SystemInstallation(t.Context())
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(s.Ping(t.Context())))
}

// A database that was restarted or lost its network has cut every connection.
func TestPostgresLostConnectionsComeBack(t *testing.T) {
	url := pgtest.Database(t)
	s := openURL(t, url)
	for range 3 {
		pgtest.SQL(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+pgtest.Name(t, url)+"'")
		failures := 0
		for {
			_, err := s.SystemInstallation(t.Context())
			if err == nil {
				break
			}
			require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err), "%v", err)
			require.NotEmpty(t, crontopus.ErrorHint(err))
			failures++
			require.LessOrEqual(t, failures, 16, "more than the pool had connections")
		}
	}
}
