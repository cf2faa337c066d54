package ci_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/ci"
	"crontopus.dev/crontopus/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// repository writes what crontopus init writes, and more files, into a new folder.
func repository(t *testing.T, system string, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	list, err := ci.Starter()
	require.NoError(t, err)
	pipeline, err := ci.Pipeline(system)
	require.NoError(t, err)
	for _, f := range append(list, pipeline) {
		write(t, dir, f.Path, string(f.Text))
	}
	for name, text := range more {
		write(t, dir, name, text)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// TestPipelinesDoWhatTheySay runs the commands of each pipeline as its CI does, in a good
// and in a bad repository.
func TestPipelinesDoWhatTheySay(t *testing.T) {
	t.Parallel()
	broken := map[string]string{"jobs/broken.yaml": "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: broken}\n" +
		"spec:\n  schedule: \"0 25 * * *\"\n  target: {all: true}\n  run: {command: [/bin/true], timeout: 1m}\n"}
	for system, says := range map[string]string{
		"forgejo":    "::error title=schedule,file=jobs/broken.yaml,line=5,col=13::jobs/broken.yaml:5:13: ",
		"github":     "::error title=schedule,file=jobs/broken.yaml,line=5,col=13::\"25\" in the hour",
		"gitlab":     "jobs/broken.yaml:5:13: \"25\" in the hour",
		"woodpecker": "jobs/broken.yaml:5:13: \"25\" in the hour",
	} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			job := readPipeline(t, system)
			out, err := job.run(t, repository(t, system, nil))
			require.NoError(t, err, out)
			require.Contains(t, out, "1 job in 1 file: all is well")

			bad := repository(t, system, broken)
			out, err = job.run(t, bad)
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

// pipeline is what a machine does for a pipeline: scripts in order until one fails, and
// then, whatever came of them, others.
type pipeline struct {
	scripts, after []string
	shell          []string
	reports        []string // files that are kept
}

// run runs the scripts in a folder. The one command that needs the world is checked
// instead: it installs the program that the test has on its PATH.
func (p pipeline) run(t *testing.T, dir string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	stub := "#!/bin/sh\n[ \"$*\" = 'install crontopus.dev/crontopus/cmd/crontopus@latest' ]\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte(stub), 0o755)) //nolint:gosec // a program
	var out strings.Builder
	start := func(script string) error {
		cmd := exec.CommandContext(t.Context(), p.shell[0], append(p.shell[1:], script)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		return cmd.Run()
	}
	var failed error
	for _, script := range p.scripts {
		if failed = start(script); failed != nil {
			break
		}
	}
	for _, script := range p.after {
		_ = start(script) // it is told what came of the job, and changes nothing of it
	}
	return out.String(), failed
}

// readPipeline takes the scripts out of a pipeline file.
func readPipeline(t *testing.T, system string) pipeline {
	t.Helper()
	file, err := ci.Pipeline(system)
	require.NoError(t, err)
	decode := func(into any) { require.NoError(t, yaml.UnmarshalWithOptions(file.Text, into, yaml.AllowDuplicateMapKey())) }
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
		p := pipeline{shell: []string{"bash", "-eo", "pipefail", "-c"}, after: []string{strings.Join(doc.Crontopus.After, "\n")}}
		p.scripts = []string{strings.Join(append(doc.Crontopus.Before, doc.Crontopus.Script...), "\n")}
		for _, name := range doc.Crontopus.Artifacts.Reports {
			p.reports = append(p.reports, name)
		}
		require.NotEmpty(t, p.reports)
		return p
	case "woodpecker":
		var doc struct {
			Steps []struct {
				Commands []string `yaml:"commands"`
			} `yaml:"steps"`
		}
		decode(&doc)
		p := pipeline{shell: []string{"sh", "-ec"}}
		for _, step := range doc.Steps {
			p.scripts = append(p.scripts, strings.Join(step.Commands, "\n"))
		}
		require.NotEmpty(t, p.scripts)
		return p
	}
	var doc struct {
		Jobs map[string]struct {
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	decode(&doc)
	p := pipeline{shell: []string{"bash", "-e", "-c"}}
	for _, step := range doc.Jobs["manifests"].Steps {
		if step.Run != "" {
			p.scripts = append(p.scripts, step.Run)
		}
	}
	require.NotEmpty(t, p.scripts)
	return p
}
