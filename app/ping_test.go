package app_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

var hello = crontopus.JobName{Namespace: "default", Name: "hello"}

// pingServer is a server with the job default/hello, and the environment that the page on pings
// speaks of.
func pingServer(t *testing.T) (r *running, env []string) {
	t.Helper()
	r = start(t, filepath.Join(t.TempDir(), "data"))
	withJob(t, r.Client)
	url, err := r.RotatePing(t.Context(), hello)
	require.NoError(t, err)
	key, err := r.CreatePingKey(t.Context(), wire.PingKeyInput{Namespace: hello.Namespace})
	require.NoError(t, err)
	return r, append(os.Environ(), "PING_URL="+url.URL, "PING_KEY="+key.Secret, "SERVER="+r.URL)
}

// shell runs a script with real programs, and returns what it printed.
func shell(t *testing.T, env []string, script string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// Every line with curl that the page on pings shows is run against a real server.
func TestThePageOnPingsTellsTheTruth(t *testing.T) {
	page, err := os.ReadFile("../docs/pings.md")
	require.NoError(t, err)
	r, env := pingServer(t)
	ran := 0
	for _, block := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(block[1], "curl") {
			continue
		}
		ran++
		out, err := shell(t, env, strings.ReplaceAll(block[1], "offsite-backup", hello.Name))
		require.NoError(t, err, "%s\n%s", block[1], out)
	}
	require.GreaterOrEqual(t, ran, 5)
	runs, err := r.Runs(t.Context(), crontopus.RunFilter{Job: &hello}, crontopus.Page{})
	require.NoError(t, err)
	require.Greater(t, len(runs.Items), 5)
}

func TestCurlPingsAndTheRunIsThere(t *testing.T) {
	r, env := pingServer(t)
	newest := func() crontopus.Run {
		t.Helper()
		runs, err := r.Runs(t.Context(), crontopus.RunFilter{Job: &hello}, crontopus.Page{Limit: 1})
		require.NoError(t, err)
		run, err := r.Run(t.Context(), runs.Items[0].ID)
		require.NoError(t, err)
		return run
	}
	out, err := shell(t, env, `curl -fsS "$PING_URL"`)
	require.NoError(t, err, out)
	require.Equal(t, "OK", out)
	require.Equal(t, crontopus.RunSucceeded, newest().State)

	out, err = shell(t, env, `curl -fsS "$PING_URL/start"; printf 'disk full\033[2J' | curl -fsS --data-binary @- "$PING_URL/7"`)
	require.NoError(t, err, out)
	run := newest()
	require.Equal(t, crontopus.RunFailed, run.State)
	require.Equal(t, 7, *run.ExitCode)
	require.Equal(t, "disk full\x1b[2J", string(run.Output), "as it was sent")
	require.NotNil(t, run.Started)

	out, err = shell(t, env, `curl -fsS "$PING_URL/start"; curl -fsS "$PING_URL/log" -d halfway; curl -fsS "$PING_URL" -d done; curl -fsS "$PING_URL/log" -d late`)
	require.NoError(t, err, out)
	require.Equal(t, "OKOKOKOK", out)
	require.Equal(t, "halfway\ndone", string(newest().Output))

	// A body of 100 MB is cut, and its sender gets to hear the answer.
	out, err = shell(t, env, `head -c 100000000 /dev/zero | tr '\0' x | curl -sS -o /dev/null -w '%{http_code}' -H 'Content-Type: text/plain' -T - -X POST "$PING_URL/fail"`)
	require.True(t, strings.HasPrefix(out, "200"), "%v %s", err, out)
	require.Len(t, newest().Output, 10_000)

	_, err = shell(t, env, `curl -fsS "$SERVER/ping/00000000-0000-4000-8000-000000000000"`)
	require.Error(t, err, "404")
}
