package main_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestWhole runs each script in testdata/whole: the product as its users have it, with
// real git, real processes and the real cron of Debian.
func TestWhole(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/whole",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PROGRAMS", programs)
			captured, err := filepath.Abs("../../api/testdata/forgejo")
			if err != nil {
				return err
			}
			env.Setenv("CAPTURED", captured)
			env.Setenv("GOCOVERDIR", os.Getenv("GOCOVERDIR"))
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "Engineer")
				env.Setenv("GIT_"+who+"_EMAIL", "engineer@example.com")
			}
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			// Jobs of other users reach the folder of the script through it.
			return os.Chmod(env.WorkDir, 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    await,
			"freeport": freePort,
			"readenv":  readEnv,

			"between":      between,
			"deliver":      deliver,
			"forge":        forge,
			"hangingforge": hangingForge,
			"send":         send,
			"sign":         sign,
		},
	})
}

// await SECONDS REGEXP COMMAND… runs a command again and again until its output matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: await SECONDS REGEXP COMMAND [ARG…]")
	}
	patience, err := time.ParseDuration(args[0] + "s")
	ts.Check(err)
	want, err := regexp.Compile("(?ms)" + args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out := output(ctx, ts, args[2:])
		if want.Match(out) {
			ts.Logf("%s", out)
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("no %q within %s; the last output was:\n%s", args[1], patience, out)
		case <-tick.C:
		}
	}
}

func output(ctx context.Context, ts *testscript.TestScript, argv []string) []byte {
	path, err := exec.LookPath(argv[0])
	if argv[0] == "crontopus" || argv[0] == "crontopus-agent" {
		path, err = programs+"/"+argv[0], nil
	}
	ts.Check(err)
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "CRONTOPUS_SERVER", "CRONTOPUS_API_KEY", "GOCOVERDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		out = append(bytes.TrimSpace(out), []byte("\n("+err.Error()+")")...)
	}
	return out
}

// freePort NAME sets an environment variable to a port that nobody listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// readEnv NAME FILE [REGEXP] sets an environment variable to a file's content, or to the
// first group of a match in it.
func readEnv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: readenv NAME FILE [REGEXP]")
	}
	content := bytes.TrimSpace([]byte(ts.ReadFile(args[1])))
	if len(args) == 3 {
		match := regexp.MustCompile(args[2]).FindSubmatch(content)
		if len(match) < 2 {
			ts.Fatalf("no %q in:\n%s", args[2], content)
		}
		content = match[1]
	}
	ts.Setenv(args[0], string(content))
}
