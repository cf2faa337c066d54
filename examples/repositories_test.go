package examples_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/lint"
	"crontopus.dev/crontopus/schedule"
)

var update = flag.Bool("update", false, "write testdata again")

// repository is one example: what its manifests say, and the hosts that it is for.
type repository struct {
	name  string
	jobs  []crontopus.DesiredJob
	hosts []crontopus.Agent
}

// readme returns the example's page.
func (r repository) readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.name, "README.md"))
	require.NoError(t, err)
	return string(text)
}

// repositories reads every example, which must be valid. Where there is a warning, its page
// names the rule and says why.
func repositories(t *testing.T) []repository {
	t.Helper()
	folders, err := os.ReadDir(".")
	require.NoError(t, err)
	var all []repository
	for _, folder := range folders {
		if !folder.IsDir() || folder.Name() == "testdata" {
			continue
		}
		reader := manifests.Reader{Inspect: lint.Inspect}
		tree, err := reader.Read(os.DirFS(folder.Name()), ".", func(name string) string { return name })
		require.NoError(t, err)
		problems := slices.Concat(tree.Problems, manifests.Check(tree.Documents), lint.Check(tree.Documents))
		r := repository{name: folder.Name(), hosts: hosts(t, folder.Name())}
		for _, p := range problems {
			require.NotEqual(t, crontopus.SeverityError, p.Level(), "%s: %s", r.name, p)
			require.Contains(t, r.readme(t), "`"+p.Code+"`", "%s: %s", r.name, p)
		}
		require.NotEmpty(t, tree.Documents, r.name)
		for _, doc := range tree.Documents {
			r.jobs = append(r.jobs, crontopus.DesiredJob{Job: *doc.Job})
		}
		all = append(all, r)
	}
	require.GreaterOrEqual(t, len(all), 6)
	return all
}

// hosts reads an example's hosts.json. One without it is for any host.
func hosts(t *testing.T, folder string) []crontopus.Agent {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "hosts.json"))
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte(`[{"name": "any-host", "timezone": "UTC"}]`), nil
	}
	require.NoError(t, err)
	var list []struct {
		Name, Timezone string
		Labels         map[string]string
	}
	require.NoError(t, json.Unmarshal(data, &list))
	agents := make([]crontopus.Agent, len(list))
	for i, h := range list {
		agents[i] = crontopus.Agent{Name: h.Name, NameFixed: true, Labels: h.Labels}
		agents[i].Status.Report.Timezone = h.Timezone
	}
	return agents
}

func TestEveryExampleIsValidAndExplained(t *testing.T) {
	t.Parallel()
	for _, r := range repositories(t) {
		page := r.readme(t)
		for i := range r.jobs {
			name := r.jobs[i].Job.Name()
			require.Contains(t, page, name.Name, "%s/README.md does not say what %s is for", r.name, name)
			gets := func(a crontopus.Agent) bool {
				return r.jobs[i].Job.Spec.Suspend || r.jobs[i].Job.Spec.Target.Ping || manifests.RunsOn(&r.jobs[i].Job, &a)
			}
			require.True(t, slices.ContainsFunc(r.hosts, gets), "%s: no host gets %s", r.name, name)
		}
	}
}

// TestEveryExampleComesToTheHosts compiles each example for its hosts and compares what
// they get with testdata/NAME.golden.
func TestEveryExampleComesToTheHosts(t *testing.T) {
	t.Parallel()
	for _, r := range repositories(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join("testdata", r.name+".golden")
			got := r.render(t)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "run go test ./examples -update and look at the difference")
		})
	}
}

// render writes what each host gets, once for all that get the same.
func (r repository) render(t *testing.T) string {
	t.Helper()
	var order []string
	alike := map[string][]string{}
	for i := range r.hosts {
		host := &r.hosts[i]
		jobs, _ := manifests.CompileBundle(host, func(yield func(*crontopus.DesiredJob) bool) {
			for k := range r.jobs {
				if !yield(&r.jobs[k]) {
					return
				}
			}
		}, func(string) string { return "https://forge.example.com/" + r.name })
		require.NotEmpty(t, jobs, "%s: %s gets no job", r.name, host.Name)
		zone := host.Status.Report.Timezone
		text := "  " + zone + "\n"
		for k := range jobs {
			text += entry(t, &jobs[k], zone, host.Labels["os"] == "windows")
		}
		if alike[text] == nil {
			order = append(order, text)
		}
		alike[text] = append(alike[text], host.Name)
	}
	var b strings.Builder
	for _, text := range order {
		same := ""
		if n := len(alike[text]); n > 1 {
			same = fmt.Sprintf(" and %d more", n-1)
		}
		fmt.Fprintf(&b, "%s%s\n%s", alike[text][0], same, text)
	}
	return b.String()
}

// entry writes one job on one host: the lines of its crontab, or the next runs on a host
// that has none.
func entry(t *testing.T, job *crontopus.Job, zone string, windows bool) string {
	t.Helper()
	job, err := job.InZone(func() string { return zone })
	require.NoError(t, err)
	set, err := schedule.New(job.Spec.Schedule, job.Spec.Timezone, job.Name().String())
	require.NoError(t, err)
	text := ""
	if windows {
		at := time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC)
		for range 3 {
			next, ok := set.Next(at)
			require.True(t, ok)
			text += fmt.Sprintf("    %s  %s\n", next.Format(time.RFC3339), job.Name())
			at = next
		}
		return text
	}
	lines, gated := set.Crontab(zone)
	require.NotEmpty(t, lines)
	for _, line := range lines {
		text += "    " + line + "  " + job.Name().String()
		if gated {
			text += "  (asks whether it is due)"
		}
		text += "\n"
	}
	return text
}

func TestTheFleetIsAsLargeAsItsPageSays(t *testing.T) {
	t.Parallel()
	all := repositories(t)
	fleet := all[slices.IndexFunc(all, func(r repository) bool { return r.name == "fleet" })]
	require.Len(t, fleet.hosts, 500)
	hostsOf := map[string]int{}
	entries := manifests.Entries(fleet.jobs, fleet.hosts)
	for _, e := range entries {
		hostsOf[e.Job.String()]++
	}
	page := fleet.readme(t)
	for job, n := range hostsOf {
		require.Contains(t, page, fmt.Sprintf("| %s | %d |\n", job, n))
	}
	require.Contains(t, page, fmt.Sprintf("%d,%03d entries on %d hosts", len(entries)/1000, len(entries)%1000, len(fleet.hosts)))
	require.Equal(t, len(hostsOf), strings.Count(page, " |\n")-1, "the page has a row for each job")
}
