package store_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

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
