package demo

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// scratched returns a demo with a scratch folder and nothing running in it.
func scratched(t *testing.T) *demo {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	d := &demo{
		options: Options{Crontopus: "/bin/true", Agent: "/bin/true", Out: &out},
		story:   &story{out: &out, begun: time.Now()},
	}
	require.NoError(t, d.scratch())
	t.Cleanup(func() { require.NoError(t, d.stop()) })
	return d
}

var seed = fstest.MapFS{
	"README.md":       {Data: []byte("jobs\n")},
	"jobs/hello.yaml": {Data: []byte("kind: Job\n")},
	"jobs/other.yaml": {Data: []byte("kind: Job\n")},
}

// git asks the bare repository, as a forge would.
func (r *repository) git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", r.bare}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

func TestTheScratchFolderHoldsEverythingAndItsEnvironmentKeepsItThere(t *testing.T) {
	d := scratched(t)
	require.Equal(t, os.Getenv("TMPDIR"), filepath.Dir(d.dir))
	for _, variable := range d.env {
		name, value, _ := strings.Cut(variable, "=")
		if name == "HOME" || strings.HasPrefix(name, "XDG_") {
			require.True(t, strings.HasPrefix(value, d.dir), variable)
		}
	}
	for _, program := range []string{d.crontopus, d.agent} {
		require.Equal(t, filepath.Join(d.dir, "bin"), filepath.Dir(program))
		target, err := os.Readlink(program)
		require.NoError(t, err)
		require.Equal(t, "/bin/true", target)
	}
}

func TestAPushArrivesAsOneCommitWithAllThatTheCloneHolds(t *testing.T) {
	d := scratched(t)
	r, err := d.newRepository(t.Context(), seed)
	require.NoError(t, err)
	first, err := r.push(t.Context(), "quickstart")
	require.NoError(t, err)
	require.Equal(t, first, r.git(t, "rev-parse", "refs/heads/main"))
	require.Equal(t, "README.md\njobs/hello.yaml\njobs/other.yaml", r.git(t, "ls-tree", "-r", "--name-only", "main"))

	require.NoError(t, r.write("jobs/hello.yaml", "changed\n"))
	second, err := r.push(t.Context(), `hello: say "x"`)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, first, r.git(t, "rev-parse", "main^"))
	require.Equal(t, `hello: say "x"`, r.git(t, "log", "-1", "--format=%s", "main"))
	require.Equal(t, "changed", r.git(t, "show", "main:jobs/hello.yaml"))
	require.Equal(t, "Demo <demo@example.com>", r.git(t, "log", "-1", "--format=%an <%ae>", "main"), "not who runs the demo")
	require.Equal(t, "file://"+r.bare, r.URL())
}

func TestRemovingManifestsLeavesEverythingElse(t *testing.T) {
	d := scratched(t)
	r, err := d.newRepository(t.Context(), seed)
	require.NoError(t, err)
	_, err = r.push(t.Context(), "quickstart")
	require.NoError(t, err)
	require.NoError(t, r.removeManifests())
	_, err = r.push(t.Context(), "remove everything")
	require.NoError(t, err)
	require.Equal(t, "README.md", r.git(t, "ls-tree", "-r", "--name-only", "main"))
	require.DirExists(t, filepath.Join(r.clone, ".git"), "only what is not hidden is a manifest")
}

func TestThereIsNothingToPush(t *testing.T) {
	d := scratched(t)
	r, err := d.newRepository(t.Context(), seed)
	require.NoError(t, err)
	_, err = r.push(t.Context(), "quickstart")
	require.NoError(t, err)
	_, err = r.push(t.Context(), "again")
	require.ErrorContains(t, err, "nothing to commit", "git's own words are in the error")
	require.ErrorContains(t, err, "git -C "+r.clone+" failed")
}

// TestTheHookGetsWhatWasPushedAndThePushDoesNotWaitForIt puts a program into the place of
// crontopus that takes what the hook gives it.
func TestTheHookGetsWhatWasPushedAndThePushDoesNotWaitForIt(t *testing.T) {
	d := scratched(t)
	gate, told := filepath.Join(d.dir, "gate"), filepath.Join(d.dir, "told")
	require.NoError(t, exec.Command("mkfifo", gate).Run())
	program := filepath.Join(d.dir, "recorder")
	script := "#!/bin/sh\nread -r pushed\n: <" + gate + "\necho \"$1 $pushed $" + envHookURL + " $(cat \"$" + envHookSecret + "\")\" >" + told + ".new\nmv " + told + ".new " + told + "\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	d.crontopus = program
	r, err := d.newRepository(t.Context(), seed)
	require.NoError(t, err)
	require.NoError(t, r.hook("http://127.0.0.1:1/hooks/forgejo/s1?a=b", "s3cret"))
	info, err := os.Stat(filepath.Join(r.bare, "webhook.secret"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	commit, err := r.push(t.Context(), "quickstart")
	require.NoError(t, err, "the hook still waits at its gate")
	require.NoFileExists(t, told)
	open, err := os.OpenFile(gate, os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, open.Close())
	require.NoError(t, d.until(t.Context(), "the hook", func() (bool, error) {
		_, err := os.Stat(told)
		return err == nil, nil
	}))
	text, err := os.ReadFile(told)
	require.NoError(t, err)
	require.Equal(t, "demo-webhook "+strings.Repeat("0", 40)+" "+commit+" refs/heads/main http://127.0.0.1:1/hooks/forgejo/s1?a=b s3cret\n", string(text))
}
