package docs_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/ci"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/importer"
)

// TestYAMLInTheDocumentationIsValid looks at every block of YAML: each is a manifest, a part
// of one, or a file of one of the programs. What none of them takes is a mistake.
func TestYAMLInTheDocumentationIsValid(t *testing.T) {
	t.Parallel()
	found := map[string]int{}
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			if b.language != "yaml" {
				continue
			}
			kind, problem := judge(t, b.text)
			require.Empty(t, problem, "%s:%d: as %s", p.name, b.line, kind)
			found[kind]++
		}
	}
	for _, kind := range []string{manifest, partOfJob, policy, preCommit, scraping} {
		require.NotZero(t, found[kind], "there is no %s any more", kind)
	}
}

// Kinds of YAML that the documentation shows.
const (
	manifest  = "a manifest"
	partOfJob = "a part of a job"
	policy    = "a host's policy"
	preCommit = "the configuration of pre-commit"
	hostList  = "a list of hosts" // which the page's own example reads
	scraping  = "the configuration of Prometheus"
)

// judge says what a block is, and what is wrong with it.
func judge(t *testing.T, text string) (kind, problem string) {
	t.Helper()
	if strings.Contains(text, "apiVersion:") {
		return manifest, decode(t, text)
	}
	if strings.HasPrefix(text, "- {name: ") {
		if _, problems := manifests.Values("block.yaml", []byte(text)); len(problems) > 0 {
			return hostList, problems[0].String()
		}
		return hostList, ""
	}
	for part := range strings.SplitSeq(text, "\n---\n") {
		if kind, problem = judgePart(t, part); problem != "" {
			break
		}
	}
	return kind, problem
}

// judgePart is judge for one document that is no manifest of its own.
func judgePart(t *testing.T, text string) (kind, problem string) {
	t.Helper()
	var value map[string]any
	// A page may show two parts below each other, of two jobs.
	if err := yaml.UnmarshalWithOptions([]byte(text), &value, yaml.AllowDuplicateMapKey()); err != nil {
		return "YAML", err.Error()
	}
	if _, ok := value["repos"]; ok {
		if !strings.HasSuffix(starter(t, ".pre-commit-config.yaml"), text) {
			return preCommit, "this is not what crontopus init writes"
		}
		return preCommit, ""
	}
	if _, ok := value["scrape_configs"]; ok {
		return scraping, scrapes(t, text)
	}
	for _, part := range []string{"job", "spec", "run", "metadata"} {
		if decode(t, asJob(t, part, value)) == "" {
			return partOfJob, ""
		}
	}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	if _, err := agent.LoadPolicy(file, os.Getuid()); err != nil {
		return "anything that is known here", err.Error()
	}
	return policy, ""
}

// scrapes says what promtool has against a configuration. Files of rules are looked at by their own tests.
func scrapes(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", "--syntax-only", file).CombinedOutput(); err != nil {
		return string(out)
	}
	return ""
}

func decode(t *testing.T, text string) string {
	t.Helper()
	file := manifests.Reader{}.Alone("block.yaml", []byte(text))
	if len(file.Problems) > 0 {
		return file.Problems[0].String()
	}
	require.NotZero(t, len(file.Documents)+len(file.Alerting)+len(file.Defaults))
	return ""
}

func starter(t *testing.T, name string) string {
	t.Helper()
	list, err := ci.Starter()
	require.NoError(t, err)
	i := slices.IndexFunc(list, func(f ci.File) bool { return f.Path == name })
	require.NotEqual(t, -1, i)
	return string(list[i].Text)
}

// asJob puts the fields of a part of a job into one that has the rest.
func asJob(t *testing.T, part string, fields map[string]any) string {
	t.Helper()
	run := map[string]any{"command": []any{"/bin/true"}}
	spec := map[string]any{"schedule": "@daily", "target": map[string]any{"all": true}, "run": run}
	metadata := map[string]any{"name": "part"}
	job := map[string]any{"apiVersion": "crontopus.dev/v1", "kind": "Job", "metadata": metadata, "spec": spec}
	if fields["script"] != nil {
		delete(run, "command")
	}
	maps.Copy(map[string]map[string]any{"job": job, "spec": spec, "run": run, "metadata": metadata}[part], fields)
	text, err := json.Marshal(job)
	require.NoError(t, err)
	return string(text)
}

// TestCrontabsInTheDocumentationAreKept imports each block of a crontab: every line of it
// is one that cron takes.
func TestCrontabsInTheDocumentationAreKept(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			if b.language != "crontab" {
				continue
			}
			found++
			result, err := importer.Import(importer.Crontab, []importer.Input{{Name: p.name, Data: []byte(b.text)}},
				importer.Options{Target: crontopus.Target{All: true}, Timezone: "UTC", Now: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)})
			require.NoError(t, err)
			require.Zero(t, result.Lost(), "%s:%d: %v", p.name, b.line, result.Problems)
		}
	}
	require.NotZero(t, found)
}
