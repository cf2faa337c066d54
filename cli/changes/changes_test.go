package changes_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/changes"
	"crontopus.dev/crontopus/manifests/diff"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func job(name, schedule string, change ...func(*crontopus.Job)) crontopus.DesiredJob {
	j := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob, Metadata: crontopus.Metadata{Name: name, Namespace: "production"}}
	j.Spec.Schedule, j.Spec.Timezone = crontopus.Schedules{schedule}, "Europe/Helsinki"
	j.Spec.Target = crontopus.Target{Labels: map[string]string{"role": "db"}}
	j.Spec.Run.Command = []string{"/bin/" + name}
	for _, c := range change {
		c(&j)
	}
	j.SetDefaults()
	return crontopus.DesiredJob{Job: j, Path: "jobs/" + name + ".yaml", Line: 4}
}

func script(text string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Run.Command, j.Spec.Run.Script = nil, text }
}

func describe(text string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Metadata.Description = text }
}

func hosts(n int, zone string) (agents []crontopus.Agent) {
	for i := range n {
		a := crontopus.Agent{Name: fmt.Sprintf("db-%02d", i+1), NameFixed: true, Labels: map[string]string{"role": "db"}}
		a.Status.Report.Timezone, a.Status.Report.Scheduler = zone, "crontab"
		agents = append(agents, a)
	}
	return agents
}

func compare(before, after []crontopus.DesiredJob, fleet diff.Fleet) *diff.Report {
	r := diff.New(before, after, fleet, noon)
	r.From, r.To = "main", "working tree"
	return r
}

// policy tells channels of everything.
func policy(name string, channels ...string) crontopus.DesiredAlerting {
	p := crontopus.AlertPolicy{APIVersion: crontopus.APIVersion, Kind: crontopus.KindAlertPolicy, Metadata: crontopus.Metadata{Name: name}}
	for _, c := range channels {
		p.Spec.Notify = append(p.Spec.Notify, crontopus.Notify{Channel: c})
	}
	p.SetDefaults()
	return crontopus.DesiredAlerting{AlertingManifest: crontopus.AlertingManifest{Policy: &p}, Path: "alerting.yaml", Line: 4}
}

// hostile is what a stranger could write to break out of wherever it is shown.
const hostile = "`````` ```\n</details><script>alert(1)</script> | @everyone #1 \x1b[2J\u202e [x](javascript:1) ![](http://x)"

func reports() map[string]*diff.Report {
	long := "set -e\n" + strings.Repeat("echo same\n", 20)
	some := compare(
		[]crontopus.DesiredJob{job("old-report", "0 6 * * 1"), job("backup", "30 2 * * *", script(long+"pg_dump orders\nexit 0\n")), job("stays", "@daily")},
		[]crontopus.DesiredJob{job("backup", "30 3 * * *", script(long+"pg_dump --clean orders\nexit 0\n")), job("stays", "@daily"), job("boot", "@reboot")},
		diff.Fleet{Known: true, Agents: append(hosts(12, "Europe/Helsinki"), crontopus.Agent{Name: "web-01"})})
	wiped := compare([]crontopus.DesiredJob{job("backup", "30 2 * * *")}, nil, diff.Fleet{Known: true, Agents: hosts(2, "UTC")})
	targets := compare([]crontopus.DesiredJob{job("backup", "30 2 * * *"), job("report", "@daily")}, []crontopus.DesiredJob{job("backup", "@hourly", describe("x"))}, diff.Fleet{})
	same := compare([]crontopus.DesiredJob{job("backup", "@hourly")}, []crontopus.DesiredJob{job("backup", "@hourly")}, diff.Fleet{})

	evil := job("evil", "@daily", describe(hostile), func(j *crontopus.Job) {
		j.Spec.Run.Command = []string{"/bin/sh", "-c", hostile, strings.Repeat("long ", 2000)}
		j.Metadata.Annotations = map[string]string{"a`b|<c>@d": "x"}
		j.Spec.Target = crontopus.Target{Labels: map[string]string{"role": hostile}}
	})
	changed := evil
	changed.Job.Metadata.Description += " more\n"
	changed.Job.Metadata.Annotations = map[string]string{"a`b|<c>@d": "y"}
	changed.Path = hostile + ".yaml"
	fresh := evil
	fresh.Job.Metadata.Name = "fresh"
	bad := compare([]crontopus.DesiredJob{evil}, []crontopus.DesiredJob{changed, fresh}, diff.Fleet{})
	bad.From, bad.Notes = hostile, []string{hostile}
	bad.Own(map[crontopus.JobName]string{fresh.Job.Name(): hostile})
	bad.Alerting = diff.Alerting(nil, []crontopus.DesiredAlerting{policy(hostile, hostile)})
	alerting := compare([]crontopus.DesiredJob{job("stays", "@daily")}, []crontopus.DesiredJob{job("stays", "@daily")}, diff.Fleet{Known: true, Agents: hosts(2, "UTC")})
	alerting.Alerting = diff.Alerting([]crontopus.DesiredAlerting{policy("nights", "chat"), policy("days", "chat")}, []crontopus.DesiredAlerting{policy("nights", "chat", "pager"), policy("new", "chat")})
	return map[string]*diff.Report{"alerting": alerting, "some": some, "wiped": wiped, "targets": targets, "same": same, "hostile": bad}
}

func TestEveryForm(t *testing.T) {
	t.Parallel()
	for name, r := range reports() {
		for format, ext := range map[string]string{changes.Text: ".txt", changes.Markdown: ".md", changes.JSON: ".json"} {
			var out bytes.Buffer
			require.NoError(t, changes.Write(&out, r, format, false))
			golden := filepath.Join("testdata", name+ext)
			if *update {
				require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), out.String(), golden)
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	var plain, painted bytes.Buffer
	r := reports()["some"]
	require.NoError(t, changes.Write(&plain, r, changes.Text, false))
	require.NoError(t, changes.Write(&painted, r, changes.Text, true))
	require.NotContains(t, plain.String(), "\x1b")
	require.Contains(t, painted.String(), "\x1b[31m- production/old-report  jobs/old-report.yaml:4\x1b[0m\n")
}

func TestJSONIsWholeAndNeverNull(t *testing.T) {
	t.Parallel()
	for name, r := range reports() {
		var out bytes.Buffer
		require.NoError(t, changes.Write(&out, r, changes.JSON, false))
		var back struct {
			Notes, Changes, Hosts, Alerting []any
		}
		require.NoError(t, json.Unmarshal(out.Bytes(), &back))
		require.NotNil(t, back.Notes, name)
		require.NotNil(t, back.Changes, name)
		require.NotNil(t, back.Hosts, name)
		require.NotNil(t, back.Alerting, name)
		require.NotContains(t, out.String(), "null", name)
	}
}
