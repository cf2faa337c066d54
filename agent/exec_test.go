package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
)

// host is an agent's host with one job, whose runs are real processes.
type host struct {
	*agent.Runner
	job    *crontopus.Job
	rules  agent.Rules
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// at is half a minute after a due instant of the jobs here.
var at = time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC)

func newHost(t *testing.T, run crontopus.RunSpec) *host {
	t.Helper()
	state := agent.State{Dir: filepath.Join(t.TempDir(), "state")}
	require.NoError(t, state.Create())
	me, err := user.Current()
	require.NoError(t, err)
	h := &host{rules: agent.Rules{Users: []string{me.Username, "nobody"}, SecretPaths: []string{"/"}}}
	h.job = &crontopus.Job{Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{"* * * * *"}, Run: run}}
	h.job.Metadata.Name = "job"
	h.job.SetDefaults()
	h.Runner = &agent.Runner{
		State: state, AgentID: "a1", Spool: agent.NewSpool(state.SpoolDir()),
		Job:    func(crontopus.JobName) (*crontopus.Job, string, error) { return h.job, "main@sha1:abc", nil },
		Policy: func() (*agent.Policy, error) { return agent.NewPolicy(h.rules, os.Geteuid()), nil },
		Stdout: &h.stdout, Stderr: &h.stderr,
		KillAfter: 200 * time.Millisecond,
		Now:       func() time.Time { return at }, Log: slog.New(slog.DiscardHandler),
	}
	return h
}

// exec runs the job as cron would start it and returns its check-ins.
func (h *host) exec(t *testing.T) (code int, checkIns []crontopus.CheckIn) {
	t.Helper()
	code, err := h.Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	return code, h.delivered(t)
}

// delivered empties the spool.
func (h *host) delivered(t *testing.T) (all []crontopus.CheckIn) {
	t.Helper()
	require.NoError(t, h.Spool.Deliver(context.WithoutCancel(t.Context()), func(_ context.Context, c []crontopus.CheckIn) ([]wire.CheckInResult, error) {
		all = append(all, c...)
		return answers(len(c), 200), nil
	}))
	return all
}

func answers(n, status int) []wire.CheckInResult {
	results := make([]wire.CheckInResult, n)
	for i := range results {
		results[i].Status = status
	}
	return results
}

func sh(script string) crontopus.RunSpec { return crontopus.RunSpec{Script: script} }

func TestARunChecksInAtItsStartAndItsEnd(t *testing.T) {
	h := newHost(t, crontopus.RunSpec{Command: []string{"echo", "hello"}})
	code, got := h.exec(t)
	require.Equal(t, 0, code)
	require.Len(t, got, 2)
	due := at.Truncate(time.Minute)
	zero := 0
	start := crontopus.CheckIn{
		RunID: got[0].RunID, Job: h.job.Name(), Event: crontopus.EventStart, ScheduledFor: &due, At: at, Attempt: 1, Revision: "main@sha1:abc",
	}
	end := start
	end.Event, end.ExitCode, end.Output = crontopus.EventSuccess, &zero, []byte("hello\n")
	require.Equal(t, []crontopus.CheckIn{start, end}, got)
	require.Empty(t, h.stdout.String(), "output goes to the scheduler only where passthrough asks for it")

	code, got = h.exec(t)
	require.Equal(t, 0, code)
	require.Empty(t, got, "the instant is taken")
}

func TestARunInTheHostsOwnZone(t *testing.T) {
	h := newHost(t, crontopus.RunSpec{Command: []string{"true"}})
	h.job.Spec.Schedule, h.job.Spec.Timezone = crontopus.Schedules{"0 13 * * *"}, crontopus.TimezoneHost
	zone := "UTC"
	h.HostZone = func() string { return zone }
	_, got := h.exec(t)
	require.Empty(t, got, "it is noon")
	zone = "Europe/Berlin"
	_, got = h.exec(t)
	require.Len(t, got, 2, "it is one o'clock")
	require.Equal(t, at.Truncate(time.Minute), *got[0].ScheduledFor)

	zone = ""
	_, err := h.Exec(t.Context(), h.job.Name(), false)
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
	require.NotEmpty(t, crontopus.ErrorHint(err))
	_, err = h.Exec(t.Context(), h.job.Name(), true)
	require.NoError(t, err, "by hand no zone is needed")
}

func TestHowARunEnds(t *testing.T) {
	for _, c := range []struct {
		name    string
		run     crontopus.RunSpec
		event   crontopus.Event
		code    int
		output  string
		message string
	}{
		{"an exit code", sh("echo broken >&2; exit 3"), crontopus.EventFailure, 3, "broken\n", ""},
		{"a code that counts as success", crontopus.RunSpec{Script: "exit 3", SuccessExitCodes: []int{0, 3}}, crontopus.EventSuccess, 3, "", ""},
		{"a signal", sh("kill -KILL $$"), crontopus.EventFailure, 137, "", "it was ended by a signal: killed"},
		{"both outputs in order", sh("echo 1; echo 2 >&2; echo 3"), crontopus.EventSuccess, 0, "1\n2\n3\n", ""},
		{"no output wanted", crontopus.RunSpec{Script: "echo 1", CaptureOutput: new(crontopus.Size)}, crontopus.EventSuccess, 0, "", ""},
		{"more output than is kept", crontopus.RunSpec{Script: "head -c 1000000 /dev/zero | tr '\\0' x; echo END", CaptureOutput: size(6)}, crontopus.EventSuccess, 0, "xxEND\n", ""},
		{"a longer script than an argument may be", sh("#" + strings.Repeat("x", 200_000) + "\necho long"), crontopus.EventSuccess, 0, "long\n", ""},
		{"a script leaves standard input alone", sh("cat; echo done"), crontopus.EventSuccess, 0, "done\n", ""},
		{"another shell", crontopus.RunSpec{Script: "echo ${BASH_VERSION:+bash}", Shell: "/bin/bash"}, crontopus.EventSuccess, 0, "bash\n", ""},
		{"arguments are not for a shell", crontopus.RunSpec{Command: []string{"echo", "$HOME", "a b", "%", "*"}}, crontopus.EventSuccess, 0, "$HOME a b % *\n", ""},
		{"a timeout", crontopus.RunSpec{Script: "echo begun; sleep 600 & sleep 600", Timeout: crontopus.Duration(200 * time.Millisecond)}, crontopus.EventTimeout, 143, "begun\n", "it ran longer than 200ms and was stopped"},
		{"a timeout that TERM does not end", crontopus.RunSpec{Script: "trap '' TERM; while :; do sleep 0.1; done", Timeout: crontopus.Duration(100 * time.Millisecond)}, crontopus.EventTimeout, 137, "", "it ran longer than 100ms and was stopped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, c.run)
			code, got := h.exec(t)
			require.Len(t, got, 2)
			require.Equal(t, c.code, code)
			require.Equal(t, c.code, *got[1].ExitCode)
			require.Equal(t, c.event, got[1].Event)
			require.Equal(t, c.output, string(got[1].Output))
			require.Equal(t, c.message, got[1].Message)
		})
	}
}

func size(n crontopus.Size) *crontopus.Size { return &n }

func TestWhatAJobSees(t *testing.T) {
	h := newHost(t, crontopus.RunSpec{Script: "env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD | sort; pwd"})
	t.Setenv("LEAK", "from the wrapper")
	h.job.Spec.Run.Environment = map[string]string{"TARGET": "a=b c", "CRONTOPUS_JOB": "forged"}
	h.job.Spec.Run.WorkingDirectory = "/usr"
	me, err := user.Current()
	require.NoError(t, err)
	_, got := h.exec(t)
	require.Equal(t, strings.Join([]string{
		"CRONTOPUS_JOB=default/job", "CRONTOPUS_RUN_ID=" + got[0].RunID, "CRONTOPUS_SCHEDULED_FOR=2026-11-23T12:00:00Z",
		"HOME=" + me.HomeDir, "LOGNAME=" + me.Username, "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "TARGET=a=b c", "USER=" + me.Username, "/usr", "",
	}, "\n"), string(got[1].Output))
}

func TestByHandThereIsNoClaimAndNoScheduledInstant(t *testing.T) {
	h := newHost(t, sh("echo ${CRONTOPUS_SCHEDULED_FOR-none}; exit 4"))
	h.job.Spec.Run.Splay = crontopus.Duration(time.Hour)
	for range 2 {
		code, err := h.Exec(t.Context(), h.job.Name(), true)
		require.NoError(t, err)
		require.Equal(t, 4, code)
	}
	got := h.delivered(t)
	require.Len(t, got, 4)
	require.Nil(t, got[1].ScheduledFor)
	require.Equal(t, "none\n", string(got[1].Output))
	require.NotEqual(t, got[1].RunID, got[3].RunID)
}

func TestByHandARunThatIsSkippedSaysSo(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o666))
	h := newHost(t, sh("read x < "+fifo))
	h.job.Spec.Run.Concurrency = crontopus.ConcurrencyForbid
	first := make(chan error)
	go func() {
		_, err := h.Exec(context.Background(), h.job.Name(), false)
		first <- err
	}()
	pipe, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the job reads
	require.NoError(t, err)
	_, err = h.Exec(t.Context(), h.job.Name(), true)
	require.NoError(t, pipe.Close())
	require.NoError(t, <-first)
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))
	require.ErrorContains(t, err, "default/job was not started: the job's last run still goes on")
	require.NotEmpty(t, crontopus.ErrorHint(err))
	require.Contains(t, reasons(h.delivered(t)), "skipped: stillRunning")
}

func TestPassthroughAndSecrets(t *testing.T) {
	h := newHost(t, crontopus.RunSpec{Script: "echo out $PASSWORD; echo err $PASSWORD >&2; test $PASSWORD = hunter2", Passthrough: true})
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2\n"), 0o600))
	h.job.Spec.Run.Secrets = map[string]string{"PASSWORD": "file:" + secret}
	code, got := h.exec(t)
	require.Equal(t, 0, code)
	require.Equal(t, "out ***\n", h.stdout.String())
	require.Equal(t, "err ***\n", h.stderr.String())
	require.Len(t, got[1].Output, len("out ***\nerr ***\n"))
	require.NotContains(t, string(got[1].Output), "hunter2")
}

func TestAJobInheritsNoFileThatSomebodyLeftOpen(t *testing.T) {
	left, err := os.Open("/etc/passwd")
	require.NoError(t, err)
	defer left.Close()
	fd, err := unix.FcntlInt(left.Fd(), unix.F_DUPFD, 100) // as a shell does it: without close-on-exec
	require.NoError(t, err)
	defer unix.Close(fd)
	h := newHost(t, sh(fmt.Sprintf("cat /dev/fd/%d", fd)))
	code, got := h.exec(t)
	require.NotZero(t, code)
	require.NotContains(t, string(got[1].Output), "root:")
}

func TestRunsThatCannotStart(t *testing.T) {
	secrets := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(secrets, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		require.NoError(t, os.Chmod(path, mode))
		return "file:" + path
	}
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(secrets, "link")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(secrets, "folder")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(secrets, "pipe"), 0o600))
	secret := func(reference string) crontopus.RunSpec {
		return crontopus.RunSpec{Command: []string{"true"}, Secrets: map[string]string{"S": reference}}
	}
	for name, c := range map[string]struct {
		run     crontopus.RunSpec
		message string
	}{
		"no such program":            {crontopus.RunSpec{Command: []string{"no-such-program"}}, "there is no program no-such-program in the job's PATH"},
		"no such path":               {crontopus.RunSpec{Command: []string{"/no/such/program"}}, "no such file or directory"},
		"not executable":             {crontopus.RunSpec{Command: []string{"/etc/passwd"}}, "permission denied"},
		"no such working directory":  {crontopus.RunSpec{Command: []string{"true"}, WorkingDirectory: "/no/such/dir"}, "the job's working directory cannot be used"},
		"a file as its directory":    {crontopus.RunSpec{Command: []string{"true"}, WorkingDirectory: "/etc/passwd"}, "not a directory"},
		"no such shell":              {crontopus.RunSpec{Script: "true", Shell: "/bin/no-such-shell"}, "no such file or directory"},
		"no such secret":             {secret("file:" + secrets + "/none"), "the secret S: cannot open it"},
		"a secret behind a link":     {secret("file:" + secrets + "/link"), "the secret S: "},
		"a secret behind a folder's": {secret("file:" + secrets + "/folder/passwd"), "the secret S: "},
		"a secret in a pipe":         {secret("file:" + secrets + "/pipe"), "is not a regular file"},
		"a secret in a folder":       {secret("file:" + secrets), "is not a regular file"},
		"a secret too large":         {secret(write("large", strings.Repeat("x", 64<<10+1), 0o600)), "is larger than 64KiB"},
		"a secret for all to change": {secret(write("open", "x", 0o666)), "everybody on this host may write"},
		"a secret with a NUL":        {secret(write("nul", "a\x00b", 0o600)), "holds a NUL byte"},
		"the agent's own key":        {secret("file:STATE/key"), "which is in the agent's own state folder"},
		"the agent's, by a detour":   {secret("file:STATE/spool/../key"), "which is in the agent's own state folder"},
		"another kind of reference":  {secret("vault:db"), "which this agent cannot resolve"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, c.run)
			h.Policy = func() (*agent.Policy, error) { return agent.NewPolicy(agent.Rules{}, 1000), nil } // which does not restrict
			for name, reference := range h.job.Spec.Run.Secrets {
				h.job.Spec.Run.Secrets[name] = strings.Replace(reference, "STATE", h.State.Dir, 1)
			}
			_, err := h.Exec(t.Context(), h.job.Name(), false)
			require.ErrorContains(t, err, c.message)
			got := h.delivered(t)
			require.Len(t, got, 1)
			require.Equal(t, crontopus.EventFailure, got[0].Event)
			require.Equal(t, err.Error(), got[0].Message)
			require.NotNil(t, got[0].ScheduledFor)
			require.Nil(t, got[0].ExitCode)
		})
	}
}

func TestTheHostsWordOnSecretsIsAskedWhenTheyAreRead(t *testing.T) {
	h := newHost(t, crontopus.RunSpec{Command: []string{"true"}, Secrets: map[string]string{"S": "file:/etc/passwd"}})
	h.Policy = func() (*agent.Policy, error) {
		defer func() { h.rules.SecretPaths = []string{} }() // the next time it is stricter
		return agent.NewPolicy(h.rules, os.Geteuid()), nil
	}
	_, err := h.Exec(t.Context(), h.job.Name(), false)
	require.ErrorContains(t, err, "secretPaths")
	require.Equal(t, crontopus.EventFailure, h.delivered(t)[0].Event)
}

func TestPausedAndForbidden(t *testing.T) {
	h := newHost(t, sh("echo ran"))
	require.NoError(t, h.State.Pause())
	_, got := h.exec(t)
	require.Equal(t, []string{"skipped: paused"}, reasons(got))
	_, err := h.Exec(t.Context(), h.job.Name(), true)
	require.ErrorContains(t, err, "paused")
	require.NoError(t, h.State.Resume())
	_, got = h.exec(t)
	require.Empty(t, got, "what would have started meanwhile is not made up for")

	no, next := false, h.later(1, "echo ran")
	h.rules.AllowScripts = &no
	_, err = next.Exec(t.Context(), h.job.Name(), false)
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
	require.Equal(t, []string{"skipped: policyDenied"}, reasons(h.delivered(t)))
	_, err = next.Exec(t.Context(), h.job.Name(), true)
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
	require.Empty(t, h.delivered(t))
}

func TestOfTwoStartedForOneInstantOneRuns(t *testing.T) {
	h := newHost(t, sh("echo ran"))
	h.job.Spec.Run.Concurrency = crontopus.ConcurrencyAllow
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := h.Exec(context.Background(), h.job.Name(), false)
			require.NoError(t, err)
		})
	}
	group.Wait()
	require.Len(t, h.delivered(t), 2)
}

func TestConcurrency(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o666))
	for _, c := range []struct {
		concurrency crontopus.Concurrency
		want        crontopus.Event
	}{{crontopus.ConcurrencyForbid, crontopus.EventSkipped}, {crontopus.ConcurrencyAllow, crontopus.EventSuccess}} {
		t.Run(string(c.concurrency), func(t *testing.T) {
			h := newHost(t, sh("read x < "+fifo))
			h.job.Spec.Run.Concurrency = c.concurrency
			first := make(chan error)
			go func() {
				_, err := h.Exec(context.Background(), h.job.Name(), false)
				first <- err
			}()
			pipe, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the job reads
			require.NoError(t, err)
			second := *h.Runner
			second.Now = func() time.Time { return at.Add(time.Minute) }
			second.Job = func(crontopus.JobName) (*crontopus.Job, string, error) {
				job := *h.job
				job.Spec.Run.Script = "echo second"
				return &job, "", nil
			}
			code, err := second.Exec(t.Context(), h.job.Name(), false)
			require.NoError(t, err)
			require.Equal(t, 0, code)
			require.NoError(t, pipe.Close())
			require.NoError(t, <-first)
			var skipped crontopus.CheckIn
			for _, got := range h.delivered(t) {
				if got.ScheduledFor.Equal(at.Truncate(time.Minute).Add(time.Minute)) && got.Event.Final() {
					skipped = got
				}
			}
			require.Equal(t, c.want, skipped.Event)
		})
	}
}

func TestTheWholeGroupIsStopped(t *testing.T) {
	h := newHost(t, sh("sleep 600 & echo $!; wait"))
	h.job.Spec.Run.Timeout = crontopus.Duration(200 * time.Millisecond)
	_, got := h.exec(t)
	pid, err := strconv.Atoi(strings.TrimSpace(string(got[1].Output)))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat") // gone, or a zombie whose parent has not looked yet
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 10*time.Millisecond)
}

func TestWhatAJobLeavesBehindDoesNotHoldUpItsRun(t *testing.T) {
	h := newHost(t, sh("sleep 600 & echo $!"))
	begin := time.Now()
	code, got := h.exec(t)
	require.Equal(t, 0, code)
	require.Less(t, time.Since(begin), time.Minute)
	require.Equal(t, crontopus.EventSuccess, got[1].Event)
	pid, err := strconv.Atoi(strings.TrimSpace(string(got[1].Output)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL), "it lives on")
}

func TestStoppingTheWrapperStopsTheJobAndSaysSo(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o666))
	h := newHost(t, sh("trap 'echo cleaned up; exit 7' TERM; echo > "+fifo+"; while :; do sleep 0.05; done"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(fifo) // returns when the job has begun
		cancel()
	}()
	code, err := h.Exec(ctx, h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 7, code)
	got := h.delivered(t)
	require.Equal(t, crontopus.EventFailure, got[1].Event)
	require.Contains(t, string(got[1].Output), "cleaned up\n") // the shell may also speak of its sleep
	require.Equal(t, "it was stopped together with the agent that ran it", got[1].Message)
}

func TestAnotherUser(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	h := newHost(t, crontopus.RunSpec{Script: "id -un; id -u; id -G; pwd; echo $HOME $USER", User: "nobody"})
	if os.Geteuid() != 0 {
		h.job.Spec.Run.User, h.rules.Users = "root", []string{"root"}
		_, err := h.Exec(t.Context(), h.job.Name(), false)
		require.ErrorContains(t, err, "root, so it cannot start a job as")
		return
	}
	groups, err := nobody.GroupIds()
	require.NoError(t, err)
	_, got := h.exec(t)
	require.Equal(t, strings.Join([]string{
		"nobody", nobody.Uid, strings.Join(groups, " "), "/", nobody.HomeDir + " nobody", "",
	}, "\n"), string(got[1].Output))

	h.job.Spec.Run = crontopus.RunSpec{Command: []string{"/bin/cat", h.State.Dir}, User: "nobody"}
	h.job.SetDefaults()
	h.Now = func() time.Time { return at.Add(time.Minute) }
	code, got := h.exec(t)
	require.Equal(t, 1, code, "the agent's state is not for the job")
	require.Contains(t, string(got[1].Output), "ermission denied")
}

func TestSplayDelaysFromTheInstantAndIsTheSameEachTime(t *testing.T) {
	h := newHost(t, sh("echo ran"))
	h.job.Spec.Run.Splay = crontopus.Duration(24 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // while it waits
	_, err := h.Exec(ctx, h.job.Name(), false)
	require.NoError(t, err)
	got := h.delivered(t)
	require.Len(t, got, 1)
	require.Equal(t, crontopus.EventSkipped, got[0].Event)
	require.Equal(t, "the agent was stopped before the run began", got[0].Message)

	h.job.Spec.Run.Splay = crontopus.Duration(time.Second) // less than the 30 s that have passed since
	h.Now = func() time.Time { return at.Add(time.Minute) }
	_, got = h.exec(t)
	require.Len(t, got, 2)
}

func TestAServerThatHangsDelaysNothingButTheEnd(t *testing.T) {
	h := newHost(t, sh("echo ran"))
	h.Deliver = func(ctx context.Context) { <-ctx.Done() }
	begin := time.Now()
	code, err := h.Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 0, code)
	require.Less(t, time.Since(begin), 20*time.Second)
	require.Len(t, h.delivered(t), 2)
}

func TestACheckInKeepsItsForm(t *testing.T) {
	h := newHost(t, sh("echo ran"))
	_, got := h.exec(t)
	data, err := json.Marshal(got[1])
	require.NoError(t, err)
	require.JSONEq(t, `{"runId":"`+got[1].RunID+`","job":"default/job","event":"success","scheduledFor":"2026-11-23T12:00:00Z",
		"at":"2026-11-23T12:00:30Z","exitCode":0,"attempt":1,"output":"cmFuCg==","revision":"main@sha1:abc"}`, string(data))
}
