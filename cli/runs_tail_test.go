package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/cli"
)

// tail runs the command on a server that streams the events and then hangs, until it has printed that many lines.
func tail(t *testing.T, events string, lines int, args ...string) (code int, out, errs string) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, events)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	stdout := &counted{enough: func(n int) {
		if n == lines {
			interrupt()
		}
	}}
	var stderr bytes.Buffer
	t.Setenv("CRONTOPUS_SERVER", s.URL)
	t.Setenv("CRONTOPUS_API_KEY", "ctk_x")
	code = cli.Main(ctx, append([]string{"runs", "tail"}, args...), http.NoBody, stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// counted tells how many lines were written.
type counted struct {
	bytes.Buffer
	enough func(lines int)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Buffer.Write(p)
	c.enough(bytes.Count(c.Bytes(), []byte("\n")))
	return n, err
}

const twoRuns = `id: 1
:

id: 2
event: run
data: {"id": "a", "job": "production/backup", "agent": "db-01", "state": "running", "started": "2026-01-01T02:30:00Z", "attempt": 1}

id: 3
event: run
data: {"id": "a", "job": "production/backup", "agent": "db-01", "state": "failed", "started": "2026-01-01T02:30:00Z", "finished": "2026-01-01T02:31:05Z", "duration": "65s", "exitCode": 3, "message": "no space\u001b[2J", "attempt": 1}

`

func TestFollowedRunsAreALineEachAndAnInterruptIsNoFailure(t *testing.T) {
	code, out, errs := tail(t, twoRuns, 2)
	require.Equal(t, "2026-01-01T02:30:00Z  running    production/backup on db-01\n"+
		"2026-01-01T02:31:05Z  failed     production/backup on db-01, took 1m5s, exit 3: no space[2J\n", out)
	require.Empty(t, errs)
	require.Zero(t, code)
	code, out, _ = tail(t, twoRuns, 2, "-o", "json", "--state", "FAILED")
	require.Zero(t, code)
	require.Equal(t, 2, bytes.Count([]byte(out), []byte("\n")))
	require.Contains(t, out, `"job":"production/backup"`)
}

func TestRunsThatCannotBeFollowedAreAFailure(t *testing.T) {
	for _, args := range [][]string{{"--state", "nonsense"}, {"--job", "No!"}, {"--since", "yesterday"}, {"too", "much"}} {
		code, _, errs := tail(t, "", 1, args...)
		require.Equal(t, 2, code, args)
		require.NotEmpty(t, errs)
	}
}
