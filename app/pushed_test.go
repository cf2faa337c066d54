package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/cli"
	"crontopus.dev/crontopus/internal/gittest"
)

const (
	pushedDefaults = `apiVersion: crontopus.dev/v1
kind: Defaults
spec:
  timezone: Europe/Helsinki
  run: {timeout: %s, environment: {TIER: gold}}
`
	pushedJobs = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: report}
spec:
  matrix: {region: [eu, us]}
  schedule: "30 2 * * *"
  target: {all: true}
  run: {command: [/bin/report, "${matrix.region}"], timeout: 5m}
---
apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: backup}
spec:
  schedule: "30 3 * * *"
  target: {all: true}
  run: {command: [/bin/backup]}
`
)

func defaultsOf(timeout string) string { return strings.Replace(pushedDefaults, "%s", timeout, 1) }

// jobsOf waits until the bundle of an agent satisfies a condition, and returns its jobs by name.
func jobsOf(t *testing.T, agent *client.Client, what string, condition func(map[string]crontopus.Job) bool) map[string]crontopus.Job {
	t.Helper()
	var jobs map[string]crontopus.Job
	until(t, what, func() bool {
		raw, _, _, err := agent.Bundle(t.Context(), "", 0, time.Time{})
		taker := &fleetAgent{digests: map[crontopus.Generation]string{}}
		if err == nil && len(raw) > 0 {
			taker.took(raw)
		}
		jobs = map[string]crontopus.Job{}
		for _, j := range taker.newest.Jobs {
			jobs[j.Metadata.Name] = j
		}
		return condition(jobs)
	})
	return jobs
}

// What a folder's Defaults and a job's matrix come to is what the hosts are told: they know of
// neither.
func TestAPushWithDefaultsReachesTheHostsAsEffectiveValues(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(t.TempDir(), "data"))
	repo := gittest.NewRepo(t)
	repo.Commit(t, "jobs", map[string]string{"defaults.yaml": defaultsOf("45m"), "team/jobs.yaml": pushedJobs})
	_, err := server.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	agent := server.enrolled(t, "db-01")

	jobs := jobsOf(t, agent, "the first push is published", func(jobs map[string]crontopus.Job) bool { return len(jobs) == 3 })
	require.Equal(t, []string{"/bin/report", "us"}, jobs["report-us"].Spec.Run.Command)
	require.Equal(t, 5*time.Minute, time.Duration(jobs["report-eu"].Spec.Run.Timeout), "what a job says itself comes first")
	backup := jobs["backup"]
	require.Equal(t, "Europe/Helsinki", backup.Spec.Timezone)
	require.Equal(t, 45*time.Minute, time.Duration(backup.Spec.Run.Timeout))
	require.Equal(t, map[string]string{"TIER": "gold"}, backup.Spec.Run.Environment)

	repo.Commit(t, "less time", map[string]string{"defaults.yaml": defaultsOf("20m")}) // the jobs' file is as before
	require.NoError(t, server.SyncSource(t.Context(), "fleet"))
	jobs = jobsOf(t, agent, "the new defaults are published", func(jobs map[string]crontopus.Job) bool {
		b := jobs["backup"]
		return time.Duration(b.Spec.Run.Timeout) == 20*time.Minute
	})
	require.Equal(t, 5*time.Minute, time.Duration(jobs["report-eu"].Spec.Run.Timeout))
}

// crontopus diff --server, against a server that has synced the very repository.
func TestDiffToldByAServer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := start(t, data)
	repo := gittest.NewRepo(t)
	repo.Commit(t, "jobs", map[string]string{"defaults.yaml": defaultsOf("45m"), "team/jobs.yaml": pushedJobs})
	_, err := server.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	jobsOf(t, server.enrolled(t, "db-01"), "the push is published", func(jobs map[string]crontopus.Job) bool { return len(jobs) == 3 })
	key, err := os.ReadFile(filepath.Join(data, "admin.key"))
	require.NoError(t, err)
	diff := func() (code int, told, said string) {
		var out, talk bytes.Buffer
		code = cli.Main(t.Context(), []string{
			"diff", repo.WorkTree, "--server=" + server.URL, "--api-key", strings.TrimSpace(string(key)), "--from", "2026-11-29T12:00:00Z",
		}, strings.NewReader(""), &out, &talk)
		return code, out.String(), talk.String()
	}

	code, told, said := diff()
	require.Zero(t, code, told+said)
	require.Contains(t, told, "no difference; 3 jobs", "the server says the same after its defaults")

	// On disk, not pushed: one default, one region less.
	require.NoError(t, os.WriteFile(filepath.Join(repo.WorkTree, "defaults.yaml"), []byte(defaultsOf("20m")), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(repo.WorkTree, "team", "jobs.yaml"), []byte(strings.Replace(pushedJobs, "[eu, us]", "[eu]", 1)), 0o600))
	code, told, said = diff()
	require.Equal(t, 1, code, told+said)
	require.Contains(t, told, ": 1 job removed, 1 changed; 1 as before\nreaches 1 of 1 host: 1 entry removed, 1 changed, 0 added\n")
	require.Contains(t, told, "- default/report-us  team/jobs.yaml:3\n")
	require.Contains(t, told, "    - spec.run.timeout: \"45m\"\n    + spec.run.timeout: \"20m\"\n")
	require.Contains(t, told, "\ndb-01 (")

	server.stop()
	code, told, said = diff()
	require.Equal(t, 2, code)
	require.Empty(t, told)
	require.Contains(t, said, "connection refused")
}
