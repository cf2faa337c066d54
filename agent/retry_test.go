package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// retried is a job that is tried again after a moment.
func retried(run crontopus.RunSpec, limit int) crontopus.RunSpec {
	run.Retries = &crontopus.Retries{Limit: limit, Backoff: crontopus.Duration(10 * time.Millisecond), MaxBackoff: crontopus.Duration(20 * time.Millisecond)}
	return run
}

// attempts says what each check-in tells, and where the run then stands.
func attempts(checkIns []crontopus.CheckIn) (all []string) {
	run := crontopus.NewRun(checkIns[0], "a")
	for _, c := range checkIns {
		run.Apply(c)
		all = append(all, fmt.Sprintf("%d %s: %s", c.Attempt, c.Event, run.State))
	}
	return all
}

func TestAFailedRunIsTriedAgain(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	nth := func(n int) string { // ends well the nth time
		return fmt.Sprintf("echo x >> %s; echo attempt; test $(wc -l < %[1]s) -ge %d || exit 3", count, n)
	}
	for _, c := range []struct {
		name string
		run  crontopus.RunSpec
		want []string
		code int
	}{
		{"until it succeeds", retried(sh(nth(3)), 5), []string{
			"1 start: running", "1 failure: running", "2 start: running", "2 failure: running", "3 start: running", "3 success: succeeded",
		}, 0},
		{"until no attempt is left", retried(sh(nth(9)), 2), []string{
			"1 start: running", "1 failure: running", "2 start: running", "2 failure: running", "3 start: running", "3 failure: failed",
		}, 3},
		{"after a timeout", retried(crontopus.RunSpec{Script: "exec sleep 600", Timeout: crontopus.Duration(100 * time.Millisecond)}, 1), []string{
			"1 start: running", "1 timeout: running", "2 start: running", "2 timeout: timedOut",
		}, 143},
		{"not when it succeeds", retried(sh("true"), 5), []string{"1 start: running", "1 success: succeeded"}, 0},
		{"not when its code counts as success", retried(crontopus.RunSpec{Script: "exit 3", SuccessExitCodes: []int{3}}, 5), []string{"1 start: running", "1 success: succeeded"}, 3},
		{"not with a limit of 0", retried(sh("exit 3"), 0), []string{"1 start: running", "1 failure: failed"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(count, nil, 0o600))
			h := newHost(t, c.run)
			code, got := h.exec(t)
			require.Equal(t, c.code, code)
			require.Equal(t, c.want, attempts(got))
			for _, checkIn := range got {
				require.Equal(t, got[0].RunID, checkIn.RunID, "it is one run")
				require.Equal(t, got[0].ScheduledFor, checkIn.ScheduledFor)
			}
		})
	}
}

func TestAnAttemptThatIsFollowedByAnotherSaysSo(t *testing.T) {
	h := newHost(t, retried(sh("echo broken; exit 3"), 1))
	_, got := h.exec(t)
	require.Len(t, got, 4)
	require.Equal(t, at.Add(10*time.Millisecond), *got[1].RetryAt)
	require.Equal(t, 3, *got[1].ExitCode)
	require.Equal(t, "broken\n", string(got[1].Output))
	require.Equal(t, "attempt 1 of 2: it ended with the code 3; the next one begins at 2026-11-23T12:00:30Z", got[1].Message)
	require.Nil(t, got[3].RetryAt)
	require.Empty(t, got[3].Message)
}

func TestAJobThatCannotBeStartedIsNotTriedAgain(t *testing.T) {
	h := newHost(t, retried(crontopus.RunSpec{Command: []string{"/no/such/program"}}, 3))
	_, err := h.Exec(t.Context(), h.job.Name(), false)
	require.ErrorContains(t, err, "no such file")
	require.Len(t, h.delivered(t), 1)
}

// inPause starts the job, and returns when its first attempt has failed and the pause has
// begun; wait returns how the run ended.
func (h *host) inPause(ctx context.Context, t *testing.T) (wait func() []crontopus.CheckIn) {
	t.Helper()
	told, ended := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	h.Deliver = func(context.Context) {
		if n, _ := h.Spool.Len(); n == 2 { // start and the failed attempt
			once.Do(func() { close(told) })
		}
	}
	go func() {
		_, err := h.Exec(ctx, h.job.Name(), false)
		ended <- err
	}()
	<-told
	return func() []crontopus.CheckIn {
		require.NoError(t, <-ended)
		return h.delivered(t)
	}
}

func longPause(run crontopus.RunSpec) crontopus.RunSpec {
	run.Retries = &crontopus.Retries{Limit: 1, Backoff: crontopus.Duration(24 * time.Hour), MaxBackoff: crontopus.Duration(24 * time.Hour)}
	return run
}

func TestStoppingTheWrapperInAPauseEndsTheRun(t *testing.T) {
	h := newHost(t, longPause(sh("echo broken; exit 3")))
	ctx, stop := context.WithCancel(t.Context())
	wait := h.inPause(ctx, t)
	stop()
	got := wait()
	require.Equal(t, []string{"1 start: running", "1 failure: running", "1 failure: failed"}, attempts(got))
	require.Equal(t, "it was stopped together with the agent that ran it, before it was tried again", got[2].Message)
	require.Equal(t, "broken\n", string(got[2].Output))
	require.Equal(t, 3, *got[2].ExitCode)
}

func TestADueInstantInAPauseIsSkipped(t *testing.T) {
	h := newHost(t, longPause(sh("exit 3")))
	ctx, stop := context.WithCancel(t.Context())
	wait := h.inPause(ctx, t)
	_, err := h.later(1, "true").Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	stop()
	got := wait()
	require.Equal(t, "skipped: the job's last run still goes on: it began at 2026-11-23T12:00:30Z (run "+got[0].RunID+")", endings(got)[1])
}

func TestAHostThatIsPausedTriesNothingAgain(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	h := newHost(t, retried(sh("read x < "+fifo+"; exit 3"), 5))
	ended := make(chan error, 1)
	go func() {
		_, err := h.Exec(t.Context(), h.job.Name(), false)
		ended <- err
	}()
	pipe, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the job reads
	require.NoError(t, err)
	require.NoError(t, h.State.Pause())
	require.NoError(t, pipe.Close())
	require.NoError(t, <-ended)
	got := h.delivered(t)
	require.Equal(t, []string{"1 start: running", "1 failure: running", "1 failure: failed"}, attempts(got))
	require.Equal(t, "the host was paused before it was tried again", got[2].Message)
}
