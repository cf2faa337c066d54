package failpoint_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything may take before the test fails.
const patience = 90 * time.Second

// process is one of the programs at work.
type process struct {
	*exec.Cmd
	out  output
	done chan struct{}
}

// output is what a program has said so far.
type output struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}

// start starts a program of ours in a folder, with variables beside those of the test.
func start(t testing.TB, dir string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(filepath.Join(programs, argv[0]), argv[1:]...), done: make(chan struct{})}
	p.Dir, p.Stdout, p.Stderr = dir, &p.out, &p.out
	p.Env = append(append(os.Environ(), "HOME="+dir), env...)
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.Start())
	go func() {
		defer close(p.done)
		_ = p.Wait() // whoever waits looks at ProcessState
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		<-p.done
		if t.Failed() && p.ProcessState.ExitCode() > 0 {
			t.Logf("%v: %v\n%s", p.Args, p.ProcessState, p.out.String())
		}
	})
	return p
}

// ended waits for the end.
func (p *process) ended(t testing.TB) *process {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		require.Failf(t, "it goes on", "%v\n%s", p.Args, p.kill())
	}
	return p
}

func (p *process) kill() string {
	_ = p.Process.Kill() // it may have ended
	<-p.done
	return p.out.String()
}

// mustBeKilled waits until a failpoint has killed the program.
func (p *process) mustBeKilled(t testing.TB) {
	t.Helper()
	status := p.ended(t).ProcessState.Sys().(syscall.WaitStatus)
	require.Truef(t, status.Signaled() && status.Signal() == syscall.SIGKILL, "%v ended with %v instead of being killed:\n%s",
		p.Args, p.ProcessState, p.out.String())
}

// stop ends the program as an operator does.
func (p *process) stop(t testing.TB) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	p.succeeds(t)
}

// succeeds waits for a good end and returns what the program said.
func (p *process) succeeds(t testing.TB) string {
	t.Helper()
	require.Truef(t, p.ended(t).ProcessState.Success(), "%v: %v\n%s", p.Args, p.ProcessState, p.out.String())
	return p.out.String()
}

// says waits until the program has said something.
func (p *process) says(t testing.TB, what string) {
	t.Helper()
	await(t, strconv.Quote(what), func() bool { return strings.Contains(p.out.String(), what) })
}

// gone waits until no process has the text in its command line: a wrapper that is killed
// leaves its job behind.
func gone(t testing.TB, text string) {
	t.Helper()
	await(t, "no process of "+text, func() bool {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		require.NoError(t, err)
		return !slices.ContainsFunc(lines, func(name string) bool {
			line, _ := os.ReadFile(name) // it may have ended meanwhile
			return bytes.Contains(line, []byte(text))
		})
	})
}

// run runs a program of ours to its end, which is a good one, and returns what it said.
func run(t testing.TB, dir string, env []string, argv ...string) string {
	t.Helper()
	return start(t, dir, env, argv...).succeeds(t)
}

// await asks again and again until the answer is yes.
func await(t testing.TB, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-ctx.Done():
			require.Fail(t, "it does not come", what)
		case <-tick.C:
		}
	}
}
