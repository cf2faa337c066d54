//go:build unix

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"crontopus.dev/crontopus"
)

const (
	// killAfter is how long a job has between TERM and KILL.
	killAfter = 10 * time.Second
	// lingering is how long the output of processes that outlive the job is still read.
	lingering = 2 * time.Second
	// unkillable is how long a job that was sent KILL is waited for.
	unkillable = 5 * time.Second
)

// child is a job's process and its group: a session of its own, so that a signal
// reaches all of it and none of us.
type child struct {
	cmd       *exec.Cmd
	grace     time.Duration // after the context has ended
	killAfter time.Duration
	pipes     []*os.File // our ends
	drained   sync.WaitGroup
}

// ending is how a child ended.
type ending struct {
	code     int // 128 plus the signal, as shells have it
	timedOut bool
	stopped  bool
	reason   string // one of crontopus's Reason constants of runs, "" for its code alone
	message  string
}

// killed reports whether somebody else than the agent ended it at once, or, as shells tell with
// their own code, what it had started.
func (e ending) killed() bool {
	return !e.timedOut && !e.stopped && e.code == 128+int(syscall.SIGKILL)
}

// event says what the ending means.
func (e ending) event(successes []int) crontopus.Event {
	switch {
	case e.timedOut:
		return crontopus.EventTimeout
	case !e.stopped && slices.Contains(successes, e.code):
		return crontopus.EventSuccess
	}
	return crontopus.EventFailure
}

// startChild starts the job as its user, with a clean environment.
func startChild(r *run, secrets map[string]string, output *capture) (*child, error) {
	spec := &r.job.Spec.Run
	who, err := lookUpAccount(spec.User)
	if err != nil {
		return nil, err
	}
	env := environment(r, who, secrets)
	dir, err := workingDirectory(spec, who)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Dir: dir, Env: env, SysProcAttr: &syscall.SysProcAttr{Setsid: true, Credential: who.credential}}
	if spec.Script != "" {
		script, err := scriptFile(r.State.Dir, spec.Script, who)
		if err != nil {
			return nil, err
		}
		defer script.Close()
		cmd.Args, cmd.ExtraFiles = []string{spec.Shell, scriptPath}, []*os.File{script}
	} else {
		cmd.Args = spec.Command
	}
	if cmd.Path, err = lookPath(cmd.Args[0], env); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, grace: r.Grace, killAfter: r.killTime()}
	_ = keepFiles() // an old kernel cannot; then jobs have what cron would have given them
	if err := c.start(output); err != nil {
		return nil, because(reasonOfStart(err), crontopus.Errorf(crontopus.CodeUnavailable, "cannot start %s in %s as %s: %w", cmd.Args[0], dir, who.name, errors.Unwrap(err)).
			WithHint("see that this user may enter the folder and execute the program"))
	}
	return c, nil
}

// start connects the output and starts the process.
func (c *child) start(output *capture) error {
	var ours []*os.File
	defer func() {
		for _, f := range ours {
			f.Close()
		}
	}()
	connect := func(s *stream) (*os.File, error) {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		c.pipes, ours = append(c.pipes, read), append(ours, write)
		c.drained.Go(func() { s.drain(read) })
		return write, nil
	}
	if output.stdout != nil {
		write, err := connect(output.stdout)
		if err != nil {
			return err
		}
		c.cmd.Stdout, c.cmd.Stderr = write, write
	}
	if output.stderr != output.stdout {
		write, err := connect(output.stderr)
		if err != nil {
			c.closePipes()
			return err
		}
		c.cmd.Stderr = write
	}
	if err := c.cmd.Start(); err != nil {
		c.closePipes()
		return err
	}
	return nil
}

func (c *child) closePipes() {
	for _, p := range c.pipes {
		p.Close()
	}
}

// wait returns how the child ended. It ends the whole group when the timeout, or the grace after ctx,
// has passed. Processes that the job left behind otherwise live on, but nobody listens to
// them much longer.
func (c *child) wait(ctx context.Context, timeout time.Duration) (end ending) {
	stop, forget := c.stopAfter(ctx)
	defer forget()
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = c.cmd.Wait() // ProcessState tells all
	}()
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-exited:
	case <-expired:
		end.timedOut, end.reason, end.message = true, crontopus.ReasonTimedOut, fmt.Sprintf("it ran longer than %s and was stopped", crontopus.Duration(timeout))
		c.stop(exited)
	case <-stop:
		why := stopReason(ctx)
		end.stopped, end.reason, end.message = true, why.reason, why.says
		c.stop(exited)
	}
	select {
	case <-exited:
		status := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
		end.code = status.ExitStatus()
		if status.Signaled() {
			end.code = 128 + int(status.Signal())
			if end.message == "" {
				end.reason, end.message = crontopus.ReasonSignal, "it was ended by a signal: "+status.Signal().String()
			}
		}
	default:
		end.code = 128 + int(syscall.SIGKILL)
		end.message += ", but could not be killed"
	}
	c.drain()
	return end
}

// stopAfter returns a channel that is closed when ctx has been done for the grace; a run that is
// replaced has none.
func (c *child) stopAfter(ctx context.Context) (stop <-chan struct{}, forget func() bool) {
	closed := make(chan struct{})
	return closed, context.AfterFunc(ctx, func() {
		grace := c.grace
		if errors.Is(context.Cause(ctx), errReplaced) {
			grace = 0
		}
		time.AfterFunc(grace, func() { close(closed) })
	})
}

// drain waits for the output's end, as long as that is worth while.
func (c *child) drain() {
	deadline := time.Now().Add(lingering)
	for _, p := range c.pipes {
		_ = p.SetReadDeadline(deadline) // fails only for a pipe that is closed, which is drained
	}
	c.drained.Wait()
	c.closePipes()
}

// stop ends the group and waits for the process that led it, unless that cannot be ended.
func (c *child) stop(exited <-chan struct{}) {
	ended := func() bool {
		select {
		case <-exited:
			return true
		default:
			return false
		}
	}
	if endGroup(c.cmd.Process.Pid, c.killAfter, ended) {
		<-exited
	}
}

// endGroup ends a process group: TERM, and KILL for who is still there later. It returns when
// the group is gone or, after KILL, its leader; false says that it cannot be ended.
func endGroup(leader int, killAfter time.Duration, ended func() bool) bool {
	_ = signalGroup(leader, syscall.SIGTERM) // whether anybody is left is what the loop asks
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	kill := time.After(killAfter)
	var giveUp <-chan time.Time
	for !errors.Is(signalGroup(leader, 0), syscall.ESRCH) {
		select {
		case <-kill:
			_ = signalGroup(leader, syscall.SIGKILL) // who may not be killed is given up below
			giveUp = time.After(unkillable)
		case <-giveUp:
			return false
		case <-look.C: // the end of a group is no event that a parent is told
		}
		if giveUp != nil && ended() {
			break
		}
	}
	return true
}

// signalGroup sends to a whole group. ESRCH says that nobody is left; EPERM that who is there,
// such as what sudo started, may not be sent to.
func signalGroup(leader int, s syscall.Signal) error { return syscall.Kill(-leader, s) }
