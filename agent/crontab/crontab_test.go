package crontab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/manifests/diff"
)

func job(name string, schedules ...string) *crontopus.Job {
	j := &crontopus.Job{Spec: crontopus.JobSpec{Schedule: schedules, Run: crontopus.RunSpec{Command: []string{"true"}}}}
	j.Metadata.Namespace, j.Metadata.Name, _ = strings.Cut(name, "/")
	j.SetDefaults()
	return j
}

func utc() string { return "Etc/UTC" }

func newScheduler(t *testing.T, o Options) *Scheduler {
	t.Helper()
	o.HostZone, o.CronZone = utc, utc
	if o.Executable == "" {
		o.Executable = "/usr/bin/crontopus-agent"
	}
	s, err := New(o)
	require.NoError(t, err)
	return s
}

func TestWhatAnEntryLooksLike(t *testing.T) {
	inBerlin := job("default/b", "30 2 * * *")
	inBerlin.Spec.Timezone = "Europe/Berlin"
	for _, c := range []struct {
		name, want string
		form       form
		job        *crontopus.Job
	}{
		{"plain", "30 2 * * * /usr/bin/crontopus-agent exec default/b", testForm, job("default/b", "30 2 * * *")},
		{"with a configuration", "30 2 * * * /opt/crontopus-agent exec --config /etc/a.yaml default/b", form{executable: "/opt/crontopus-agent", config: "/etc/a.yaml"}, job("default/b", "30 2 * * *")},
		{"with a user column", "@reboot root /usr/bin/crontopus-agent exec default/b", form{user: "root", executable: "/usr/bin/crontopus-agent"}, job("default/b", "@reboot")},
		{"several times", "0 6 * * * /usr/bin/crontopus-agent exec default/b\n0 9 1 * * /usr/bin/crontopus-agent exec default/b", testForm, job("default/b", "0 6 * * *", "0 9 1 * *")},
		{"a zone that cron does not have", "0,30 * * * * /usr/bin/crontopus-agent exec default/b", testForm, inBerlin},
		{"a percent sign in a path", `0 6 * * * /a\%b/crontopus-agent exec default/b`, form{executable: "/a%b/crontopus-agent"}, job("default/b", "0 6 * * *")},
		{"a program of another name", "0 6 * * * /opt/agent-1.2 exec default/b", form{executable: "/opt/agent-1.2"}, job("default/b", "0 6 * * *")},
	} {
		t.Run(c.name, func(t *testing.T) {
			entry, err := c.form.entry(c.job, utc())
			require.NoError(t, err)
			require.Equal(t, c.want, entry.Text)
			for line := range strings.Lines(entry.Text) {
				name, ok := c.form.job(strings.TrimSpace(line))
				require.True(t, ok, "it knows its own line again")
				require.Equal(t, c.job.Name(), name)
			}
		})
	}
}

func TestLinesThatAreNotOurs(t *testing.T) {
	for _, line := range []string{
		"", "# 30 2 * * * /usr/bin/crontopus-agent exec default/b", "30 2 * * * /usr/bin/other exec default/b",
		"30 2 * * * /usr/bin/crontopus-agent exec --now default/b", "30 2 * * * /usr/bin/crontopus-agent exec default/b; rm -rf /",
		"30 2 * * * /usr/bin/crontopus-agent run", "30 2 * * * crontopus-agent exec default/b", "30 2 * * * /usr/bin/crontopus-agent exec Default/b",
		"30 2 * * * cd / && /usr/bin/crontopus-agent exec default/b", "30 2 * * /usr/bin/crontopus-agent exec default/b",
	} {
		require.False(t, testForm.owns([]byte(line)), line)
	}
}

func TestPathsThatCronCannotTake(t *testing.T) {
	for _, path := range []string{"relative/crontopus-agent", "/with blank/agent", "/with\nnewline", "/with'quote", "/with$dollar", "/with;semicolon"} {
		_, err := New(Options{File: "x", Executable: path})
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), path)
		require.NotEmpty(t, crontopus.ErrorHint(err))
	}
}

func TestACrontabFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontab")
	s := newScheduler(t, Options{File: path})
	require.Equal(t, "crontab", s.Name())

	observed, err := s.Observe(t.Context())
	require.NoError(t, err, "a file that is not there yet is empty")
	require.Empty(t, observed.Entries)

	require.NoError(t, s.Apply(t.Context(), both))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, wholeBlock, string(data))
	observed, err = s.Observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, agent.Observed{Entries: both}, observed)

	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, s.Apply(t.Context(), both))
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "what is right is not written again")

	require.NoError(t, s.Apply(t.Context(), nil))
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, data)
}

func TestACrontabFileKeepsItsModeAndItsLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "crontab"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte("0 1 * * * true\n"), 0o640))
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, os.Symlink("crontab", link))

	require.NoError(t, newScheduler(t, Options{File: link}).Apply(t.Context(), both))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "0 1 * * * true\n"+wholeBlock, string(data))
}

func TestTheSystemFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus")
	s := &Scheduler{place: file{path: path, system: true}, form: form{user: "root", executable: "/usr/bin/crontopus-agent"}, hostZone: utc, cronZone: utc}
	entry, err := s.Render(job("default/b", "30 2 * * *"))
	require.NoError(t, err)
	require.NoError(t, s.Apply(t.Context(), []agent.Native{entry}))

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "# BEGIN crontopus\n30 2 * * * root /usr/bin/crontopus-agent exec default/b\n# END crontopus\n", string(data))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())

	require.NoError(t, s.Apply(t.Context(), nil))
	require.NoFileExists(t, path)
	require.NoError(t, s.Apply(t.Context(), nil))
}

func TestACrontabThatCannotBeWritten(t *testing.T) {
	s := newScheduler(t, Options{File: filepath.Join(t.TempDir(), "gone", "crontab")})
	err := s.Apply(t.Context(), both)
	require.ErrorContains(t, err, "cannot write the crontab")
	require.Contains(t, crontopus.ErrorHint(err), "run the agent as a user who may write to")
}

func TestAPreviewHasTheLinesThatAreWritten(t *testing.T) {
	for _, cronZone := range []string{"Etc/UTC", "Europe/Berlin", ""} {
		for _, config := range []string{"", "/etc/100%/a.yaml"} {
			s, err := New(Options{
				File: "x", Executable: "/opt/a%b/crontopus-agent", Config: config,
				HostZone: func() string { return "Europe/Berlin" }, CronZone: func() string { return cronZone },
			})
			require.NoError(t, err)
			host := crontopus.Agent{Name: "db-01"}
			form := s.Crontab()
			host.Status.Report = crontopus.AgentReport{Scheduler: s.Name(), Timezone: s.HostZone(), Crontab: &form}
			for _, zone := range []string{"UTC", "Europe/Berlin", "Asia/Kolkata", crontopus.TimezoneHost} {
				j := job("default/b", "30 2 * * *", "H 4 * * 1#1", "@reboot")
				j.Spec.Timezone, j.Spec.Target = zone, crontopus.Target{All: true}
				there, err := j.InZone(s.HostZone)
				require.NoError(t, err)
				written, err := s.Render(there)
				require.NoError(t, err)
				report := diff.New(nil, []crontopus.DesiredJob{{Job: *j}}, diff.Fleet{Known: true, Agents: []crontopus.Agent{host}}, time.Unix(0, 0))
				require.Equal(t, written.Text, strings.Join(report.Hosts[0].Entries[0].After, "\n"), "%s under a cron in %q", zone, cronZone)
			}
		}
	}
}
