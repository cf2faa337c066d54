package ci_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/ci"
	"crontopus.dev/crontopus/cli"
	"crontopus.dev/crontopus/internal/gittest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// repository makes a clone of a repository that has what crontopus init writes. Its topic
// branch has more files.
func repository(t *testing.T, system string, more map[string]string) string {
	t.Helper()
	origin := gittest.NewRepo(t)
	list, err := ci.Starter()
	require.NoError(t, err)
	pipeline, err := ci.Pipeline(system)
	require.NoError(t, err)
	begin := map[string]string{}
	for _, f := range append(list, pipeline) {
		begin[f.Path] = string(f.Text)
	}
	origin.Commit(t, "begin", begin)
	origin.Git(t, "checkout", "--quiet", "-b", "topic")
	origin.Commit(t, "a topic", more)
	dir := t.TempDir()
	clone := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--branch", "topic", origin.Dir, dir)
	clone.Env = gittest.Env()
	out, err := clone.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

const (
	head   = "apiVersion: crontopus.dev/v1\nkind: Job\n"
	added  = head + "metadata: {name: added}\nspec:\n  schedule: \"0 4 * * *\"\n  target: {all: true}\n  run: {command: [/bin/true], timeout: 1m}\n"
	broken = head + "metadata: {name: broken}\nspec:\n  schedule: \"0 25 * * *\"\n  target: {all: true}\n  run: {command: [/bin/true], timeout: 1m}\n"
)

// TestPipelinesDoWhatTheySay runs the commands of each pipeline as its CI does: for a good
// pull request, which gets its comment, for a push, and for a bad one.
func TestPipelinesDoWhatTheySay(t *testing.T) {
	t.Parallel()
	for system, says := range map[string]string{
		"forgejo":    "::error title=schedule,file=jobs/broken.yaml,line=5,col=13::jobs/broken.yaml:5:13: ",
		"github":     "::error title=schedule,file=jobs/broken.yaml,line=5,col=13::\"25\" in the hour",
		"gitlab":     "jobs/broken.yaml:5:13: \"25\" in the hour",
		"woodpecker": "jobs/broken.yaml:5:13: \"25\" in the hour",
	} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			job := readPipeline(t, system)
			good := repository(t, system, map[string]string{"jobs/added.yaml": added})
			posted, forge := newForge(t)
			out, err := job.run(t, good, pullRequestOf(t, system, forge, good))
			require.NoError(t, err, out)
			require.Contains(t, out, "2 jobs in 2 files: all is well")
			if system == "woodpecker" { // its secret has to be added first
				require.Contains(t, out, "#### Added `default/added`")
			} else {
				require.Contains(t, posted(), "#### Added `default/added`")
			}

			out, err = job.run(t, good, nil)
			require.NoError(t, err, out)
			require.NotContains(t, out, "default/added", "a push changes what is there already")

			bad := repository(t, system, map[string]string{"jobs/broken.yaml": broken})
			out, err = job.run(t, bad, nil)
			require.Error(t, err, out)
			require.Contains(t, out, says)
			for _, name := range job.reports {
				report, err := os.ReadFile(filepath.Join(bad, name))
				require.NoError(t, err)
				require.Contains(t, string(report), "<failure")
			}
		})
	}
}

// newForge is a forge that takes one comment.
func newForge(t *testing.T) (posted func() string, address string) {
	t.Helper()
	var mu sync.Mutex
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			data, _ := io.ReadAll(r.Body)
			var sent struct{ Body string }
			_ = json.Unmarshal(data, &sent)
			body = r.URL.Path + "\n" + sent.Body
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id": 1, "user": {"id": -2}}`)
			return
		}
		_, _ = io.WriteString(w, "[]")
	}))
	t.Cleanup(server.Close)
	return func() string { mu.Lock(); defer mu.Unlock(); return body }, server.URL
}

// pullRequestOf is what a CI says in the environment of a pull request's run.
func pullRequestOf(t *testing.T, system, forge, dir string) []string {
	t.Helper()
	switch system {
	case "gitlab":
		base, err := exec.CommandContext(t.Context(), "git", "-C", dir, "rev-parse", "origin/"+gittest.Branch).Output()
		require.NoError(t, err)
		return []string{"GITLAB_CI=true", "CI_API_V4_URL=" + forge, "CI_PROJECT_ID=1", "CI_MERGE_REQUEST_IID=7",
			"CI_MERGE_REQUEST_DIFF_BASE_SHA=" + strings.TrimSpace(string(base)), "CRONTOPUS_COMMENT_TOKEN=token"}
	case "woodpecker":
		return []string{"CI=woodpecker", "CI_FORGE_TYPE=forgejo", "CI_FORGE_URL=" + forge, "CI_REPO=o/r",
			"CI_COMMIT_PULL_REQUEST=7", "CI_COMMIT_TARGET_BRANCH=" + gittest.Branch}
	}
	return []string{"GITHUB_ACTIONS=true", "GITHUB_API_URL=" + forge, "GITHUB_REPOSITORY=o/r", "GITHUB_REF=refs/pull/7/head"}
}

// pipeline is what a machine does: steps in order until one fails, and then, whatever came
// of them, the script of after.
type pipeline struct {
	steps   []step
	after   string
	shell   []string
	reports []string // files that are kept
}

// step is one script of a pipeline.
type step struct {
	script  string
	env     map[string]string
	pull    bool // only for pull requests
	mayFail bool
}

// expressions are the ones that the pipelines for Actions have, and what they are here.
var expressions = strings.NewReplacer("${{ github.base_ref }}", gittest.Branch, "${{ github.token }}", "token")

// run runs the steps in a folder. The one command that needs the world is checked instead:
// it installs the program that the test has on its PATH.
func (p pipeline) run(t *testing.T, dir string, pull []string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	stub := "#!/bin/sh\n[ \"$*\" = 'install crontopus.dev/crontopus/cmd/crontopus@latest' ]\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte(stub), 0o755)) //nolint:gosec // a program
	var out strings.Builder
	start := func(s step) error {
		cmd := exec.CommandContext(t.Context(), p.shell[0], append(p.shell[1:], s.script)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		cmd.Env = append(gittest.Env(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		cmd.Env = append(cmd.Env, pull...)
		for name, value := range s.env {
			cmd.Env = append(cmd.Env, name+"="+expressions.Replace(value))
		}
		return cmd.Run()
	}
	var failed error
	for _, s := range p.steps {
		if s.pull && pull == nil {
			continue
		}
		if failed = start(s); failed != nil && !s.mayFail {
			break
		}
	}
	if p.after != "" {
		_ = start(step{script: p.after}) // it is told what came of the job, and changes nothing of it
	}
	return out.String(), failed
}

// readPipeline takes the scripts out of a pipeline file.
func readPipeline(t *testing.T, system string) pipeline {
	t.Helper()
	file, err := ci.Pipeline(system)
	require.NoError(t, err)
	decode := func(into any) { require.NoError(t, yaml.Unmarshal(file.Text, into)) }
	switch system {
	case "gitlab":
		var doc struct {
			Crontopus struct {
				Before    []string `yaml:"before_script"`
				Script    []string `yaml:"script"`
				After     []string `yaml:"after_script"`
				Artifacts struct {
					Reports map[string]string `yaml:"reports"`
				} `yaml:"artifacts"`
			} `yaml:"crontopus"`
		}
		decode(&doc)
		require.NotEmpty(t, doc.Crontopus.Script)
		p := pipeline{shell: []string{"bash", "-eo", "pipefail", "-c"}, after: strings.Join(append([]string{"set +e"}, doc.Crontopus.After...), "\n")}
		p.steps = []step{{script: strings.Join(append(doc.Crontopus.Before, doc.Crontopus.Script...), "\n")}}
		for _, name := range doc.Crontopus.Artifacts.Reports {
			p.reports = append(p.reports, name)
		}
		require.NotEmpty(t, p.reports)
		return p
	case "woodpecker":
		var doc struct {
			Steps []struct {
				Commands []string            `yaml:"commands"`
				When     []map[string]string `yaml:"when"`
				Failure  string              `yaml:"failure"`
			} `yaml:"steps"`
		}
		decode(&doc)
		p := pipeline{shell: []string{"sh", "-ec"}}
		for _, s := range doc.Steps {
			pull := len(s.When) == 1 && s.When[0]["event"] == "pull_request"
			p.steps = append(p.steps, step{script: strings.Join(s.Commands, "\n"), pull: pull, mayFail: s.Failure == "ignore"})
		}
		require.NotEmpty(t, p.steps)
		return p
	}
	var doc struct {
		Jobs map[string]struct {
			Steps []struct {
				Run     string            `yaml:"run"`
				If      string            `yaml:"if"`
				Env     map[string]string `yaml:"env"`
				MayFail bool              `yaml:"continue-on-error"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	decode(&doc)
	p := pipeline{shell: []string{"bash", "-e", "-c"}}
	for _, s := range doc.Jobs["manifests"].Steps {
		if s.Run != "" {
			p.steps = append(p.steps, step{script: s.Run, env: s.Env, pull: s.If == "github.event_name == 'pull_request'", mayFail: s.MayFail})
		}
	}
	require.NotEmpty(t, p.steps)
	return p
}
