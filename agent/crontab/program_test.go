package crontab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

// crontabProgram returns a crontab(1) that keeps its crontabs in a folder of the test: the
// host's own program, in a mount namespace where the folder lies over the real one.
func crontabProgram(t *testing.T) program {
	t.Helper()
	spool := t.TempDir()
	require.NoError(t, os.Chmod(spool, 0o777)) //nolint:gosec // crontab(1) becomes the group crontab
	flags := "-m"
	if os.Geteuid() != 0 {
		flags = "-rm"
	}
	return script(t, fmt.Sprintf(`exec unshare %s sh -c 'mount --bind %s /var/spool/cron/crontabs && exec crontab "$@"' crontab "$@"`, flags, spool))
}

func script(t *testing.T, text string) program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crontab")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755)) //nolint:gosec // it is executed
	return program{name: path}
}

func TestTheUsersOwnCrontab(t *testing.T) {
	p := crontabProgram(t)
	s := &Scheduler{place: p, form: testForm, hostZone: utc, cronZone: utc}
	observed, err := s.Observe(t.Context())
	require.NoError(t, err, "no crontab is an empty one")
	require.Empty(t, observed.Entries)

	require.NoError(t, s.Apply(t.Context(), both))
	require.Equal(t, wholeBlock, list(t, p))
	require.NoError(t, s.Apply(t.Context(), nil))
	out, complaint, err := p.run(t.Context(), nil, "-l")
	require.Error(t, err)
	require.Contains(t, complaint, "no crontab for", "an empty crontab is none: %s", out)

	const foreign = "# mine\nMAILTO=ops\nTZ=Asia/Tokyo\n\n0 1 * * * echo 50\\%\n"
	require.NoError(t, p.write(t.Context(), []byte(foreign)))
	require.NoError(t, s.Apply(t.Context(), both))
	require.Equal(t, foreign+wholeBlock, list(t, p))
	observed, err = s.Observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, agent.Observed{Entries: both}, observed)
	require.NoError(t, s.Apply(t.Context(), nil))
	require.Equal(t, foreign, list(t, p))
}

// The agent may be killed at any moment, also when crontab(1) has started and not yet read the table.
func TestAnAgentThatIsKilledLeavesAWholeCrontab(t *testing.T) {
	const envProgram, envTable = "CRONTOPUS_TEST_CRONTAB", "CRONTOPUS_TEST_TABLE"
	if p := os.Getenv(envProgram); p != "" { // the agent that is killed
		table, err := os.ReadFile(os.Getenv(envTable))
		require.NoError(t, err)
		require.NoError(t, program{name: p}.write(t.Context(), table))
		return
	}
	p, dir := crontabProgram(t), t.TempDir()
	require.NoError(t, p.write(t.Context(), []byte("0 1 * * * echo mine\n")))
	table := "0 1 * * * echo mine\n" + strings.Repeat("# "+strings.Repeat("x", 120)+"\n", 2000) + wholeBlock // more than a pipe holds
	file := filepath.Join(dir, "table")
	require.NoError(t, os.WriteFile(file, []byte(table), 0o600))
	for _, pipe := range []string{"began", "go", "ended"} {
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, pipe), 0o600))
	}
	slow := script(t, fmt.Sprintf("cd %s; echo >began; read go <go; %s \"$@\"; echo >ended", dir, p.name))

	agent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // this very program
	agent.Env = append(os.Environ(), envProgram+"="+slow.name, envTable+"="+file)
	require.NoError(t, agent.Start())
	_, err := os.ReadFile(filepath.Join(dir, "began"))
	require.NoError(t, err)
	require.NoError(t, agent.Process.Kill())
	require.Error(t, agent.Wait())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("\n"), 0o600))
	_, err = os.ReadFile(filepath.Join(dir, "ended"))
	require.NoError(t, err)
	require.Equal(t, table, list(t, p))
}

func list(t *testing.T, p program) string {
	t.Helper()
	data, err := p.read(t.Context())
	require.NoError(t, err)
	return string(data)
}

func TestCronTakesEveryEntry(t *testing.T) {
	p := crontabProgram(t)
	s := &Scheduler{place: p, form: form{executable: "/opt/a%b/crontopus-agent", config: "/etc/x.yaml"}, hostZone: utc, cronZone: utc}
	var entries []agent.Native
	for i, expr := range []string{"* * * * *", "*/5 1-3,7 1,15 jan-mar mon-fri", "@reboot", "@daily", "0 0 29 2 *"} {
		entry, err := s.Render(job(fmt.Sprintf("default/job-%d", i), expr))
		require.NoError(t, err)
		entries = append(entries, entry)
	}
	require.NoError(t, s.Apply(t.Context(), entries))
	require.Equal(t, len(entries)+2, strings.Count(list(t, p), "\n"))
}

func TestACrontabThatIsRefused(t *testing.T) {
	denied := &Scheduler{place: script(t, `echo "You (nobody) are not allowed to use this program (crontab)" >&2; exit 1`), form: testForm}
	_, err := denied.Observe(t.Context())
	require.ErrorContains(t, err, "cannot read the user's crontab: You (nobody) are not allowed to use this program (crontab)")
	require.Contains(t, crontopus.ErrorHint(err), "/etc/cron.allow")

	missing := &Scheduler{place: program{name: "no-such-crontab"}, form: testForm}
	_, err = missing.Observe(t.Context())
	require.ErrorContains(t, err, "there is no crontab(1) here")
	require.Contains(t, crontopus.ErrorHint(err), "builtin")

	forgetful := &Scheduler{place: script(t, `[ "$1" = -l ] && echo "0 1 * * * true"; cat >/dev/null; exit 0`), form: testForm}
	require.ErrorContains(t, forgetful.Apply(t.Context(), both), "does not hold what was just written")
}

func TestTheRealCrontabIsHere(t *testing.T) {
	_, err := exec.LookPath("crontab")
	require.NoError(t, err, "these tests need the package cron; install it with apt-get install cron")
}
