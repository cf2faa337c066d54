package app_test

import (
	"bytes"

	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/pgtest"
)

// shared is a database that servers of a test share, and the options of its first server,
// which has all roles.
type shared struct {
	database string
	first    app.Options
}

func newShared(t *testing.T) *shared {
	s := &shared{database: pgtest.Database(t)}
	s.first = s.options(t)
	return s
}

// options are those of one more server with the roles, all of them if none is named.
func (s *shared) options(t *testing.T, roles ...string) app.Options {
	o := options(t)
	o.Database, o.DrainTimeout = s.database, time.Second
	if len(roles) > 0 {
		o.Roles = roles
	}
	return o
}

// give copies files of the first server's keys.
func (s *shared) give(t *testing.T, o app.Options, names ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(o.Data, "keys"), 0o700))
	for _, name := range names {
		copyFile(t, filepath.Join(s.first.Data, "keys", name), filepath.Join(o.Data, "keys", name))
	}
}

// start starts a server and returns it as the first administrator sees it.
func (s *shared) start(t *testing.T, o app.Options, log *slog.Logger) *running {
	t.Helper()
	a, err := app.New(t.Context(), o, "v1", log)
	require.NoError(t, err)
	stop := run(t, a)
	c, err := client.New(a.URL(), client.WithAPIKey(adminKey(t, s.first)))
	require.NoError(t, err)
	return &running{Client: c, URL: a.URL(), stop: func() { require.NoError(t, stop()) }}
}

func TestRolesThatCannotWorkAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		roles    []string
		database string
		says     string
	}{
		"one that does not exist":    {[]string{"api", "sync"}, "postgres://x@y/z", `--roles names "sync", which is no role`},
		"none":                       {nil, "postgres://x@y/z", "leaves the server nothing to do"},
		"half of a server on SQLite": {[]string{"api"}, "", "--roles splits what one server on SQLite has to do alone"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.Roles, o.Database = c.roles, c.database
			message, hint := refused(t, o)
			require.Contains(t, message, c.says)
			require.NotEmpty(t, hint)
			require.NoDirExists(t, o.Data)
		})
	}
}

// One server syncs, signs and publishes; the other answers agents and people, and has no key
// with which it could sign.
func TestServersThatSplitTheirRoles(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	early := s.options(t, app.RoleAPI)
	message, hint := refused(t, early)
	require.Contains(t, message, "no server has used this database yet")
	require.Contains(t, hint, "role syncer")

	s.first.Roles = []string{app.RoleSyncer}
	syncer := open(t, s.first)
	run(t, syncer)
	require.Equal(t, http.StatusOK, status(t, syncer, "/readyz"))
	require.Equal(t, http.StatusOK, status(t, syncer, "/healthz"))
	there, err := client.New(syncer.URL(), client.WithAPIKey(adminKey(t, s.first)))
	require.NoError(t, err)
	_, err = there.Sources(t.Context(), crontopus.Page{})
	require.ErrorContains(t, err, "does not have the role api")
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err), "an agent that was led there keeps what it has to say")

	front := s.options(t, app.RoleAPI, app.RoleAlert)
	message, hint = refused(t, front)
	require.Contains(t, message, "whose keys are not here")
	require.Contains(t, hint, "box.key, keyset.json")
	require.Contains(t, hint, "keys recover --recovery-key FILE", "for who has lost them all")
	require.Contains(t, hint, "SET box_key = ''", "which brings the other keys back")
	s.give(t, front, "box.key", "keyset.json")
	api := s.start(t, front, slog.New(slog.DiscardHandler))
	host := api.enrolls(t, "db-01")
	tag := bundle(t, host.Client)
	ended := waits(t, api, host.Client, "db-01", tag)
	withJob(t, api.Client)
	require.NoError(t, <-ended)
	left, err := filepath.Glob(filepath.Join(front.Data, "keys", "*"))
	require.NoError(t, err)
	require.Len(t, left, 2, "it made no keys")
}

func TestAKeyRotatedAtOneServerIsFollowedByTheOthers(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	first := s.start(t, s.first, quiet)
	second := s.options(t)
	s.give(t, second, "box.key", "recovery.pub", "signing.pem") // keyset.json it can find out by itself
	var log safeLog
	other := s.start(t, second, slog.New(slog.NewTextHandler(&log, nil)))
	require.FileExists(t, filepath.Join(second.Data, "keys", "keyset.json"))
	front := s.options(t, app.RoleAPI)
	s.give(t, front, "box.key", "keyset.json")
	api := s.start(t, front, quiet)

	host := api.enrolls(t, "db-01")
	tag := bundle(t, host.Client)
	first.stop()
	before, err := app.KeySet(s.first)
	require.NoError(t, err)
	agent := host.Client
	_, _, _, err = agent.Bundle(t.Context(), tag, 0, time.Time{})
	require.NoError(t, err)
	require.Equal(t, before.Version, agent.KeySetVersion())
	ended := make(chan error, 1)
	go func() {
		_, _, _, err := agent.Bundle(t.Context(), tag, 50*time.Second, time.Time{})
		ended <- err
	}()
	begin := time.Now()
	rotated, err := app.RotateKey(t.Context(), s.first, time.Now(), quiet)
	require.NoError(t, err)
	require.NoError(t, <-ended)
	until(t, "the agent hears of the new key set", func() bool {
		_, _, _, err := agent.Bundle(t.Context(), tag, 0, time.Time{})
		return err == nil && agent.KeySetVersion() == rotated.Version
	})
	require.Less(t, time.Since(begin), 20*time.Second, "the poll did not wait to its end")
	statements, err := agent.KeyStatements(t.Context())
	require.NoError(t, err)
	require.Len(t, statements, 2)
	until(t, "the other one has heard, too", func() bool { return log.contains("neither syncs nor publishes any more") })

	// Whose key is not today's does not start; with today's it does.
	other.stop()
	message, hint := refused(t, second)
	require.Contains(t, message, "was replaced by another one")
	require.Contains(t, hint, "copy signing.pem")
	_, err = app.RotateKey(t.Context(), second, time.Now(), quiet)
	require.ErrorContains(t, err, "was replaced by another one", "it would begin a second truth")
	s.give(t, second, "signing.pem")
	again := s.start(t, second, quiet)
	raw, _, changed, err := agent.Bundle(t.Context(), tag, 50*time.Second, time.Time{})
	require.NoError(t, err)
	require.True(t, changed, "it is signed afresh")
	require.Contains(t, string(raw), rotated.Keys[0].ID)
	again.stop()
}

func TestAServerThatCouldNotOpenTheCredentialsIsRefused(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	run(t, open(t, s.first))
	second := s.options(t)
	s.give(t, second, "keyset.json", "recovery.pub", "signing.pem")
	require.NoError(t, os.WriteFile(filepath.Join(second.Data, "keys", "box.key"), append(bytes.Repeat([]byte("7"), 64), '\n'), 0o600))
	message, hint := refused(t, second)
	require.Contains(t, message, "sealed with another key than this server's")
	require.Contains(t, hint, "copy keys/box.key")
	s.give(t, second, "box.key")
	run(t, open(t, second))
}

// What somebody writes into the database is not followed, and is not served.
func TestKeysThatSomebodyPutIntoTheDatabaseAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	var log safeLog
	first := s.start(t, s.first, slog.New(slog.NewTextHandler(&log, nil)))
	mine, err := app.KeySet(s.first)
	require.NoError(t, err)
	thief := newShared(t) // another installation altogether
	open(t, thief.first)
	text, err := os.ReadFile(filepath.Join(thief.first.Data, "keys", "keyset.json"))
	require.NoError(t, err)
	forged := bytes.ReplaceAll(text, []byte("'"), []byte("''"))
	pgtest.SQL(t, s.database, "UPDATE installation SET key_statements = '"+string(forged)+"'")
	host := first.enrolls(t, "db-01")
	require.Equal(t, mine.Keys, host.KeySet)
	first.stop()
	message, hint := refused(t, s.first)
	require.Contains(t, message, "does not follow from")
	require.Contains(t, hint, "copy signing.pem, keyset.json, box.key and recovery.pub")
	require.Contains(t, hint, "keys recover")
	recovered, err := app.RecoverKeys(t.Context(), s.first, filepath.Join(s.first.Data, "keys", "recovery.pem"), time.Now(), quiet)
	require.NoError(t, err)
	require.Equal(t, mine.Installation, recovered.Installation)
	run(t, open(t, s.first))
}

// safeLog is a log that a test reads while it is written.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text.Bytes(), []byte(text))
}
