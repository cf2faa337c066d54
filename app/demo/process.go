package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"crontopus.dev/crontopus"
)

// stopPatience is how long a program may take to stop before it is killed.
const stopPatience = 10 * time.Second

// process is one program of the product, running.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // the file that its output goes to
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
}

// start runs a program in the background, its output in a log file of the scratch folder.
func (d *demo) start(name string, argv ...string) error {
	path := filepath.Join(d.dir, name+".log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = d.env, d.dir, log, log
	cmd.SysProcAttr = childAttr() // Ctrl-C is for the demo, which then stops its programs in order
	if err := cmd.Start(); err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot start %s: %w", argv[0], err)
	}
	p := &process{name: name, cmd: cmd, log: path, done: make(chan struct{})}
	d.processes = append(d.processes, p)
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return nil
}

// run runs a program to its end and returns what it printed.
func (d *demo) run(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = d.env, d.dir, time.Second
	cmd.SysProcAttr = childAttr()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // git has children that write
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeUnavailable, "%s failed: %w\n%s", strings.Join(argv[:min(3, len(argv))], " "), err, out)
	}
	return string(out), nil
}

// ended reports a program that stopped though it should not have.
func (d *demo) ended() error {
	for _, p := range d.processes {
		select {
		case <-p.done:
			how := "all by itself"
			if p.err != nil {
				how = "with " + p.err.Error()
			}
			return crontopus.Errorf(crontopus.CodeUnavailable, "%s ended %s\n%s", p.name, how, tail(p.log))
		default:
		}
	}
	return nil
}

// stop ends the programs in reverse order of their start, gently at first.
func (d *demo) stop() error {
	var errs []error
	for i := len(d.processes) - 1; i >= 0; i-- {
		p := d.processes[i]
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-p.done:
		case <-time.After(stopPatience):
			errs = append(errs, fmt.Errorf("%s did not stop within %s and was killed", p.name, stopPatience))
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended this moment
			<-p.done
		}
	}
	return errors.Join(errs...)
}

// tail returns the last lines of a log.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
