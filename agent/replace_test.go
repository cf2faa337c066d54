package agent_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/filelock"
)

const replaced = "it was replaced by a newer run"

// replacing is a job whose newer runs replace older ones.
func replacing(script string) crontopus.RunSpec {
	return crontopus.RunSpec{Script: script, Concurrency: crontopus.ConcurrencyReplace}
}

// later returns a runner for an instant that is later, with another script.
func (h *host) later(minutes int, script string) *agent.Runner {
	next, job := *h.Runner, *h.job
	job.Spec.Run.Script = script
	next.Now = func() time.Time { return at.Add(time.Duration(minutes) * time.Minute) }
	next.Job = func(crontopus.JobName) (*crontopus.Job, string, error) { return &job, "", nil }
	return &next
}

// begun starts the job, whose script says so by writing to the pipe $1, and returns when it has.
func (h *host) begun(t *testing.T, pipe string) (code func() int) {
	t.Helper()
	type result struct {
		code int
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		code, err := h.Exec(context.Background(), h.job.Name(), false)
		ended <- result{code, err}
	}()
	_, err := os.ReadFile(pipe)
	require.NoError(t, err)
	return func() int {
		r := <-ended
		require.NoError(t, r.err)
		return r.code
	}
}

func newPipe(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o666))
	require.NoError(t, os.Chmod(path, 0o666))
	return path
}

// endings returns how each run ended, by the minute after at that it was for.
func endings(checkIns []crontopus.CheckIn) map[int]string {
	all := map[int]string{}
	for _, c := range checkIns {
		if c.Final() {
			all[int(c.ScheduledFor.Sub(at.Truncate(time.Minute)).Minutes())] = strings.TrimSuffix(string(c.Event)+": "+c.Message, ": ")
		}
	}
	return all
}

func TestANewerRunReplacesTheOneThatGoesOn(t *testing.T) {
	// alone makes a folder that a job in its place must find gone.
	const alone = "mkdir %[1]s/alone || echo OVERLAP; "
	for _, c := range []struct {
		name   string
		script string
		code   int
	}{
		{"that ends when it is told to", "trap 'sleep 0.1; rmdir %[1]s/alone; exit 7' TERM; echo > %[2]s; while :; do sleep 0.02; done", 7},
		{"that even calls it success", "trap 'rmdir %[1]s/alone; exit 0' TERM; echo > %[2]s; while :; do sleep 0.02; done", 0},
		{"that does not listen", "trap '' TERM; rmdir %[1]s/alone; echo > %[2]s; while :; do sleep 0.02; done", 137},
		{"whose child does not listen", "rmdir %[1]s/alone; (trap '' TERM; sh -c 'echo $PPID' > %[1]s/child; echo > %[2]s; while :; do sleep 0.02; done) & wait", 143},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, pipe := t.TempDir(), newPipe(t)
			h := newHost(t, replacing(fmt.Sprintf(alone+c.script, dir, pipe)))
			if c.code < 100 { // it ends by itself, however slow this machine is
				h.KillAfter = time.Minute
			}
			first := h.begun(t, pipe)
			next := h.later(1, fmt.Sprintf(alone+"if test -e %[1]s/child; then grep -v ') Z ' /proc/$(cat %[1]s/child)/stat && echo OVERLAP; fi; true", dir))
			code, err := next.Exec(t.Context(), h.job.Name(), false)
			require.NoError(t, err)
			require.Equal(t, 0, code)
			require.Equal(t, c.code, first())
			got := h.delivered(t)
			require.Equal(t, map[int]string{0: "failure: " + replaced, 1: "success"}, endings(got))
			for _, checkIn := range got {
				require.NotContains(t, string(checkIn.Output), "OVERLAP")
			}
		})
	}
}

func TestARunIsReplacedAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root starts jobs as somebody else; TestAnotherUser says what others are told
	}
	pipe := newPipe(t)
	require.NoError(t, os.Chmod(filepath.Dir(pipe), 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(pipe)), 0o755))
	h := newHost(t, replacing("echo > "+pipe+"; exec sleep 600"))
	h.job.Spec.Run.User = "nobody"
	first := h.begun(t, pipe)
	_, err := h.later(1, "id -un").Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 143, first())
	require.Equal(t, map[int]string{0: "failure: " + replaced, 1: "success"}, endings(h.delivered(t)))
}

func TestARunIsReplacedInThePauseBeforeARetry(t *testing.T) {
	h := newHost(t, longPause(replacing("exit 3")))
	wait := h.inPause(t.Context(), t)
	next := h.later(1, "true")
	next.Deliver = nil
	_, err := next.Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, map[int]string{0: "failure: " + replaced + ", before it was tried again", 1: "success"}, endings(wait()))
}

func TestAReplacedRunIsNotTriedAgain(t *testing.T) {
	pipe := newPipe(t)
	h := newHost(t, retried(replacing("echo > "+pipe+"; exec sleep 600"), 5))
	first := h.begun(t, pipe)
	_, err := h.later(1, "true").Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 143, first())
	require.Equal(t, map[int]string{0: "failure: " + replaced, 1: "success"}, endings(h.delivered(t)))
}

func TestARunOfAJobThatForbadeItIsReplacedOnceTheJobSaysSo(t *testing.T) {
	pipe := newPipe(t)
	h := newHost(t, sh("echo > "+pipe+"; exec sleep 600"))
	first := h.begun(t, pipe)
	h.job.Spec.Run.Concurrency = crontopus.ConcurrencyReplace
	_, err := h.later(1, "true").Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 143, first())
	require.Equal(t, map[int]string{0: "failure: it was ended by a signal: terminated", 1: "success"}, endings(h.delivered(t)))
}

func TestOfManyThatWouldReplaceARunOneDoes(t *testing.T) {
	pipe := newPipe(t)
	h := newHost(t, replacing("trap 'sleep 0.1; exit 7' TERM; echo > "+pipe+"; while :; do sleep 0.02; done"))
	h.KillAfter = 10 * time.Second
	first := h.begun(t, pipe)
	var group sync.WaitGroup
	const many = 6
	for minute := 1; minute <= many; minute++ {
		next := h.later(minute, "true")
		group.Go(func() {
			_, err := next.Exec(context.Background(), h.job.Name(), false)
			require.NoError(t, err)
		})
	}
	group.Wait()
	require.Equal(t, 7, first())
	succeeded := 0
	for minute, how := range endings(h.delivered(t)) {
		switch {
		case how == "success":
			succeeded++
		case minute > 0:
			require.Contains(t, []string{"skipped: another run already waits to replace the job's last one", "failure: " + replaced}, how)
		}
	}
	require.Positive(t, succeeded)
}

func TestWhoWaitsForTheLastRunToEndMayBeStopped(t *testing.T) {
	pipe, told := newPipe(t), newPipe(t)
	h := newHost(t, replacing("trap 'echo > "+told+"' TERM; echo > "+pipe+"; while :; do sleep 0.02; done"))
	h.KillAfter = 2 * time.Second
	first := h.begun(t, pipe)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(told) // returns when the first run was told to end
		stop()
	}()
	_, err := h.later(1, "true").Exec(ctx, h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 137, first())
	require.Equal(t, "skipped: the agent was stopped before the job's last run had ended", endings(h.delivered(t))[1])
}

// stray is a process that leads a group and that no wrapper looks after any more.
func stray(t *testing.T) (pid int, gone func() bool) {
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	return cmd.Process.Pid, func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
}

// began reads when a process began, and this boot's name, as proc(5) has them.
func began(t *testing.T, pid int) (start, boot string) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	return strings.Fields(string(stat))[21], strings.TrimSpace(string(id))
}

func TestAJobThatOutlivedItsWrapper(t *testing.T) {
	for _, c := range []struct {
		name        string
		concurrency crontopus.Concurrency
		note        func(pid int, start, boot string) string
		want        string
		gone        bool
	}{
		{"is still the last run", crontopus.ConcurrencyForbid, nil, "skipped: the job's last run still goes on", false},
		{"is ended by who replaces it", crontopus.ConcurrencyReplace, nil, "success", true},
		{"does not matter where runs go side by side", crontopus.ConcurrencyAllow, nil, "success", false},
		{"and whose number is another process's now", crontopus.ConcurrencyReplace, func(pid int, start, boot string) string {
			return fmt.Sprintf("%d 1%s %s", pid, start, boot)
		}, "success", false},
		{"and whose number was another process's before the host started anew", crontopus.ConcurrencyForbid, func(pid int, start, boot string) string {
			return fmt.Sprintf("%d %s 0%s", pid, start, boot)
		}, "success", false},
		{"and whose note is damaged", crontopus.ConcurrencyReplace, func(pid int, start, boot string) string { return "-1 x" }, "success", false},
		{"and whose note means everybody", crontopus.ConcurrencyReplace, func(_ int, start, boot string) string { return "1 " + start + " " + boot }, "success", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pid, gone := stray(t)
			start, boot := began(t, pid)
			note := fmt.Sprintf("%d %s %s\n", pid, start, boot)
			if c.note != nil {
				note = c.note(pid, start, boot)
			}
			h := newHost(t, sh("true"))
			h.job.Spec.Run.Concurrency = c.concurrency
			require.NoError(t, os.WriteFile(filepath.Join(h.State.LocksDir(), "default.job"), []byte(note), 0o600))
			_, got := h.exec(t)
			require.Equal(t, map[int]string{0: c.want}, endings(got))
			require.Equal(t, c.gone, gone())
		})
	}
}

// Nothing can be kept from dying here, so the job names another process as the one that does it: like a
// job that could not be killed, that one lives on when the run has ended.
func TestAJobThatCouldNotBeKilledKeepsItsPlace(t *testing.T) {
	pid, gone := stray(t)
	start, boot := began(t, pid)
	h := newHost(t, crontopus.RunSpec{})
	place := filepath.Join(h.State.LocksDir(), "default.job")
	h.job.Spec.Run = retried(sh(fmt.Sprintf("until grep -q \"^$$ \" %s; do sleep 0.02; done; echo %d %s %s > %[1]s; exit 3", place, pid, start, boot)), 3)
	h.job.SetDefaults()
	code, got := h.exec(t)
	require.Equal(t, 3, code)
	require.Equal(t, []string{"1 start: running", "1 failure: failed"}, attempts(got), "it is not tried again beside itself")
	_, err := h.later(1, "true").Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, "skipped: the job's last run still goes on", endings(h.delivered(t))[1])
	require.False(t, gone())
}

func TestAPlaceSaysWhoHasIt(t *testing.T) {
	pipe := newPipe(t)
	h := newHost(t, sh("echo > "+pipe+"; exec sleep 600"))
	first := h.begun(t, pipe)
	place := filepath.Join(h.State.LocksDir(), "default.job")
	var pid int
	require.Eventually(t, func() bool {
		note, err := os.ReadFile(place)
		require.NoError(t, err)
		fields := strings.Fields(string(note))
		if len(fields) != 7 {
			return false
		}
		pid, err = strconv.Atoi(fields[0])
		require.NoError(t, err)
		start, boot := began(t, pid)
		require.Equal(t, []string{start, boot, "run"}, fields[1:4])
		require.Equal(t, []string{"since", at.Format(time.RFC3339)}, fields[5:])
		return true
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	first()
	note, err := os.ReadFile(place)
	require.NoError(t, err)
	require.Empty(t, note)
}

// A wrapper that was stopped (SIGSTOP) or hangs holds the place and does nothing about it.
func TestAWrapperThatDoesNotAnswerIsWaitedForAndItsJobKilled(t *testing.T) {
	pid, gone := stray(t)
	start, boot := began(t, pid)
	h := newHost(t, replacing("true"))
	place := filepath.Join(h.State.LocksDir(), "default.job")
	lock, err := filelock.TryLock(place)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, lock.SetNote(fmt.Sprintf("%d %s %s\n", pid, start, boot)))
	require.NoError(t, syscall.Mkfifo(place+".ask", 0o600))
	ears, err := os.OpenFile(place+".ask", os.O_RDWR, 0)
	require.NoError(t, err)
	defer ears.Close()

	_, err = h.Exec(t.Context(), h.job.Name(), false)
	require.ErrorContains(t, err, "the last run of default/job was told to end, and did not")
	require.True(t, gone())
	require.Equal(t, map[int]string{0: "failure: " + err.Error()}, endings(h.delivered(t)))
}
