package failpoint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	older = generation{"stays": "0 3 * * *", "moves": "10 4 * * *", "goes": "20 5 * * *"}
	newer = generation{"stays": "0 3 * * *", "moves": "11 4 * * *", "comes": "30 6 * * *"}
)

// applies: the crontab is wholly the old one or wholly the new, and the next daemon makes
// it the new one.
func applies(t *testing.T) act {
	s := newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	h := newHost(t, s, "db-01")
	d := h.agent(t, nil, "run")
	h.comes(t, older, "1.1")
	d.stop(t)
	before := keep(t, h.dir)
	s.repo.Commit(t, "change", map[string]string{"jobs.yaml": newer.manifest("[/bin/true]")})
	s.publishes(t, "1.2")
	return act{
		each:   true,
		before: before,
		do:     func(t testing.TB, env ...string) *process { return h.agent(t, env, "run") },
		done: func(t testing.TB, d *process) {
			h.comes(t, newer, "1.2")
			d.says(t, "agent started")
			d.stop(t)
		},
		killed: func(t testing.TB) {
			require.Contains(t, [][]string{older.entries(), newer.entries()}, h.table(t).entries)
		},
	}
}

// runs: whatever becomes of the first process, the scheduler may start as many as it likes,
// and no two run the job for one due instant.
func runs(t *testing.T) act {
	due := time.Now().Add(-time.Minute).Truncate(time.Minute) // the only instant in a year, and not too long ago
	jobs := generation{"due": fmt.Sprintf("%d %d %d %d *", due.Minute(), due.Hour(), due.Day(), due.Month())}
	h := host{t.TempDir()}
	s := newServer(t, "", map[string]string{"jobs.yaml": jobs.manifest(fmt.Sprintf("[/bin/sh, -c, 'echo $CRONTOPUS_SCHEDULED_FOR >>%s']", h.file("ran")))})
	h.configure(t)
	h.agent(t, nil, "enroll", "--server", s.url, "--token", s.token(t)).succeeds(t)
	d := h.agent(t, nil, "run")
	h.comes(t, jobs, "1.1")
	d.stop(t)
	require.NoError(t, os.Remove(h.file("agent/claims/default.due"))) // as if the entry had been there for long
	ran := func(t testing.TB) int {
		data, err := os.ReadFile(h.file("ran"))
		if err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
			return 0
		}
		require.Equal(t, due.UTC().Format(time.RFC3339)+"\n", string(data))
		return strings.Count(string(data), "\n")
	}
	exec := func(t testing.TB, env ...string) *process { return h.agent(t, env, "exec", "default/due") }
	return act{
		each:   true,
		before: keep(t, h.dir),
		do:     exec,
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			exec(t).succeeds(t)
			gone(t, h.dir)
			require.LessOrEqual(t, ran(t), 1)
		},
		killed: func(t testing.TB) { gone(t, h.dir) },
	}
}

// enrolls: whatever was left, the host enrolls, and then it is one agent with a key that
// the server knows.
func enrolls(t *testing.T) act {
	s := newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	h, token := host{t.TempDir()}, s.token(t)
	h.configure(t)
	back := keep(t, h.dir)
	return act{
		before: back,
		do: func(t testing.TB, env ...string) *process {
			return start(t, h.dir, env, "crontopus-agent", "enroll", "--config", h.file("new.yaml"), "--state-dir", h.file("agent"),
				"--scheduler", "crontab", "--crontab-file", h.file("crontab"), "--policy-file", h.file("policy.yaml"), "--server", s.url, "--token", token)
		},
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			require.NoError(t, os.Rename(h.file("new.yaml"), h.file("agent.yaml"))) // what the entries name
			d := h.agent(t, nil, "run")
			h.comes(t, older, "1.1")
			d.stop(t)
		},
	}
}

// pauses: the host is paused, or it is not.
func pauses(t *testing.T) act {
	h := newHost(t, newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")}), "db-01")
	return act{
		before: keep(t, h.dir),
		do:     func(t testing.TB, env ...string) *process { return h.agent(t, env, "pause") },
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			require.FileExists(t, h.file("agent/paused"))
		},
	}
}

// changesItsKey: the server and the host agree on a key in the end.
func changesItsKey(t *testing.T) act {
	s := newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	h, token := host{t.TempDir()}, s.token(t)
	return act{
		before: func(t testing.TB) { // another agent each time: the server has forgotten the last one's first key
			require.NoError(t, os.RemoveAll(h.file("agent")))
			h.configure(t)
			h.agent(t, nil, "enroll", "--server", s.url, "--token", token).succeeds(t)
		},
		do: func(t testing.TB, env ...string) *process { return h.agent(t, env, "rotate-key") },
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			require.NoFileExists(t, h.file("agent/key.next"))
		},
		killed: func(t testing.TB) { // a daemon goes on with either key
			d := h.agent(t, nil, "run")
			h.comes(t, older, "1.1")
			d.stop(t)
		},
	}
}

// setsAside: a check-in that is damaged is counted, and those behind it arrive.
func setsAside(t *testing.T) act {
	s := newServer(t, "", map[string]string{"jobs.yaml": older.manifest("[/bin/true]")})
	h := newHost(t, s, "db-01")
	d := h.agent(t, nil, "run")
	h.comes(t, older, "1.1")
	d.stop(t)
	h.write(t, "agent/spool/019ab000-0000-7000-8000-000000000000.final.5.json", "{half")
	return act{
		before: keep(t, h.dir),
		do:     func(t testing.TB, env ...string) *process { return h.agent(t, env, "exec", "--now", "default/stays") },
		done: func(t testing.TB, p *process) {
			p.succeeds(t)
			waiting, err := filepath.Glob(h.file("agent/spool/*.*.json"))
			require.NoError(t, err)
			require.Empty(t, waiting)
		},
	}
}
