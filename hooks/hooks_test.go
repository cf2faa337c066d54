// Package hooks_test runs the hooks as Git and pre-commit run them.
package hooks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestHooks runs the scripts in testdata/script: real commits and pushes.
func TestHooks(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOOKS", here)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "Engineer")
				env.Setenv("GIT_"+who+"_EMAIL", "engineer@example.com")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"jobs": jobs},
	})
}

// jobs FOLDER N writes N manifests, one file each.
func jobs(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	folder := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(folder, 0o755))
	for i := range n {
		manifest := fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\n"+
			"spec: {schedule: \"H H * * *\", target: {all: true}, run: {command: [/bin/true], timeout: 1m}}\n", i)
		ts.Check(os.WriteFile(filepath.Join(folder, fmt.Sprintf("job-%d.yaml", i)), []byte(manifest), 0o600))
	}
}
