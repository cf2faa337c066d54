package failpoint_test

import (
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// host is a folder in which an agent lives with its crontab.
type host struct{ dir string }

const foreign = "# of the machine's owner\nMAILTO=ops@example.com\n17 * * * * true\n"

// newHost enrolls a host.
func newHost(t testing.TB, s *server, name string) host {
	t.Helper()
	h := host{t.TempDir()}
	h.configure(t)
	h.agent(t, nil, "enroll", "--server", s.url, "--token", s.token(t), "--name", name).succeeds(t)
	return h
}

// configure makes the host one on which nobody was yet.
func (h host) configure(t testing.TB) {
	t.Helper()
	h.write(t, "agent.yaml", "stateDir: agent\nscheduler: crontab\ncrontabFile: crontab\npolicyFile: policy.yaml\n")
	me, err := user.Current()
	require.NoError(t, err)
	h.write(t, "policy.yaml", "users: ["+me.Username+"]\n")
	h.write(t, "crontab", foreign)
}

// agent starts a command of the host's agent.
func (h host) agent(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return start(t, h.dir, env, append([]string{"crontopus-agent", args[0], "--config", h.file("agent.yaml")}, args[1:]...)...)
}

func (h host) file(name string) string { return filepath.Join(h.dir, name) }

func (h host) write(t testing.TB, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(h.file(name), []byte(content), 0o600))
}

// table is the crontab, in which nobody else's byte may have changed.
func (h host) table(t testing.TB) table {
	t.Helper()
	data, err := os.ReadFile(h.file("crontab"))
	require.NoError(t, err)
	read, err := readTable(string(data))
	require.NoErrorf(t, err, "%s", data)
	require.Equal(t, foreign, read.foreign)
	return read
}

// comes waits until the generation is in force and the agent knows that.
func (h host) comes(t testing.TB, g generation, applied string) {
	t.Helper()
	is := regexp.MustCompile(`applied +generation ` + regexp.QuoteMeta(applied) + `\n`)
	await(t, applied, func() bool { // the crontab first: asking the agent costs a process
		return slices.Equal(g.entries(), h.table(t).entries) && is.MatchString(h.agent(t, nil, "status").succeeds(t))
	})
}
