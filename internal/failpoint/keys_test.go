package failpoint_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/pgtest"
)

// stopped is a server that has run, with one host, and does not run now.
func stopped(t *testing.T) (*server, host) {
	s := newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	h := newHost(t, s, "db-01")
	d := h.agent(t, nil, "run")
	h.comes(t, older, "1.1")
	d.stop(t)
	s.stop(t)
	return s, h
}

// starts and stops the server: whatever a kill has left of its data, it can.
func (s *server) works(t testing.TB) {
	t.Helper()
	s.start(t)
	s.cli(t, "sources", "list")
	s.stop(t)
}

func (s *server) file(name string) string { return filepath.Join(s.dir, name) }

func rotates(t *testing.T) act {
	s, _ := stopped(t)
	return act{
		before: keep(t, s.file("data")),
		do: func(t testing.TB, env ...string) *process {
			return start(t, s.dir, env, "crontopus", "keys", "rotate", "--data", s.file("data"))
		},
		done: func(t testing.TB, p *process) {
			said := p.succeeds(t)
			require.Equal(t, 1, strings.Count(said, "signs"))
			require.LessOrEqual(t, strings.Count(said, "verifies"), 2, "what was done is not known to have been")
			s.works(t)
		},
		killed: s.works,
	}
}

// rekeys: whatever was done before it broke off, doing it again ends with a server that opens its credentials.
func rekeys(t *testing.T) act {
	s, _ := stopped(t)
	return act{
		before: keep(t, s.file("data")),
		do: func(t testing.TB, env ...string) *process {
			return start(t, s.dir, env, "crontopus", "keys", "rekey", "--data", s.file("data"))
		},
		done: func(t testing.TB, p *process) {
			require.Contains(t, p.succeeds(t), "with a new key")
			require.NoFileExists(t, s.file("data/keys/box.next"))
			s.start(t)
			s.cli(t, "sources", "sync", "fleet")
			s.stop(t)
		},
	}
}

func recovers(t *testing.T) act {
	s, _ := stopped(t)
	require.NoError(t, os.Rename(s.file("data/keys/recovery.pem"), s.file("recovery.pem")))
	return act{
		before: keep(t, s.file("data")),
		do: func(t testing.TB, env ...string) *process {
			return start(t, s.dir, env, "crontopus", "keys", "recover", "--data", s.file("data"), "--recovery-key", s.file("recovery.pem"))
		},
		done: func(t testing.TB, p *process) {
			require.NotContains(t, p.succeeds(t), "verifies", "nobody else's key is trusted any more")
			s.works(t)
		},
	}
}

// follows: the host trusts the new keys and none of before, and its job runs all the time.
func follows(t *testing.T) act {
	s, h := stopped(t)
	run(t, s.dir, nil, "crontopus", "keys", "recover", "--data", s.file("data"), "--recovery-key", s.file("data/keys/recovery.pem"))
	s.start(t)
	return act{
		before: keep(t, h.dir),
		do:     func(t testing.TB, env ...string) *process { return h.agent(t, env, "run") },
		done: func(t testing.TB, d *process) {
			await(t, "the new keys", func() bool {
				data, err := os.ReadFile(h.file("agent/identity.json"))
				require.NoError(t, err)
				return strings.Contains(string(data), `"sequence": 1`) && !strings.Contains(string(data), `"recovery": 0`) && !strings.Contains(string(data), "etired")
			})
			d.says(t, "agent started")
			d.stop(t)
			h.agent(t, nil, "exec", "--now", "default/stays").succeeds(t)
		},
		killed: func(t testing.TB) { h.agent(t, nil, "exec", "--now", "default/stays").succeeds(t) },
	}
}

// startsFirst: the next start goes on, and the key in the file opens the door.
func startsFirst(t *testing.T) act {
	s := &server{dir: t.TempDir(), url: freeAddress(t)}
	return act{
		before: func(t testing.TB) { require.NoError(t, os.RemoveAll(s.file("data"))) },
		do:     func(t testing.TB, env ...string) *process { return s.launch(t, env...) },
		done: func(t testing.TB, p *process) {
			s.ready(t)
			s.cli(t, "sources", "list")
			p.stop(t)
		},
	}
}

// adopts: a server that shares its database with the one whose keys were rotated takes the key
// set over.
func adopts(t *testing.T) act {
	first := newServer(t, pgtest.Database(t), map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	first.stop(t)
	second := &server{dir: t.TempDir(), url: freeAddress(t), database: first.database}
	copyTree(t, first.file("data"), second.file("data"))
	said := run(t, first.dir, nil, "crontopus", "keys", "rotate", "--data", first.file("data"), "--database", first.database)
	copyTree(t, first.file("data/keys/signing.pem"), second.file("data/keys/signing.pem")) // as the operator is told to
	keys := regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(said, -1)
	return act{
		before: keep(t, second.file("data")),
		do:     func(t testing.TB, env ...string) *process { return second.launch(t, env...) },
		done: func(t testing.TB, p *process) {
			second.ready(t)
			p.stop(t)
			said := run(t, second.dir, nil, "crontopus", "keys", "list", "--data", second.file("data"))
			require.Equal(t, keys, regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(said, -1))
		},
	}
}

func backsUp(t *testing.T) act {
	s, _ := stopped(t)
	return act{
		before: func(t testing.TB) { require.NoError(t, os.RemoveAll(s.file("backup"))) },
		do: func(t testing.TB, env ...string) *process {
			return start(t, s.dir, env, "crontopus", "backup", "create", s.file("backup"), "--data", s.file("data"), "--with-keys")
		},
		done: func(t testing.TB, p *process) {
			if _, err := os.Stat(s.file("backup")); err != nil {
				p.succeeds(t)
			} // else the killed one had made it
			p.ended(t)
			run(t, s.dir, nil, "crontopus", "backup", "verify", s.file("backup"))
		},
	}
}

// restores: the folder holds the old data or the restored, and doing it again leads there.
func restores(t *testing.T) act {
	s, _ := stopped(t)
	run(t, s.dir, nil, "crontopus", "backup", "create", s.file("backup"), "--data", s.file("data"), "--with-keys")
	return act{
		before: keep(t, s.file("data")),
		do: func(t testing.TB, env ...string) *process {
			return start(t, s.dir, env, "crontopus", "backup", "restore", s.file("backup"), "--data", s.file("data"), "--replace")
		},
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			s.works(t)
		},
	}
}

func logsIn(t *testing.T) act {
	s := newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	key, err := os.ReadFile(s.file("data/admin.key"))
	require.NoError(t, err)
	return act{
		before: func(t testing.TB) { require.NoError(t, os.RemoveAll(s.file(".config"))) },
		do: func(t testing.TB, env ...string) *process {
			return start(t, s.dir, env, "crontopus", "auth", "login", "--server", s.url, "--key", strings.TrimSpace(string(key)))
		},
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			run(t, s.dir, nil, "crontopus", "auth", "whoami")
		},
	}
}
