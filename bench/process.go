package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program under measurement.
type Process struct {
	Ready string // what it said of where it is reached

	cmd   *exec.Cmd
	ended chan error
}

// Start starts a program and waits until it has written a line to stdout that begins with
// "ready ". Floors do that by themselves.
func (b *Bench) Start(ctx context.Context, name string, args ...string) (*Process, error) {
	return start(exec.CommandContext(ctx, b.Bin(name), args...), func(line string) (string, bool) { return strings.CutPrefix(line, "ready ") })
}

// start waits for the first line, of stdout or stderr, in which ready finds something.
func start(cmd *exec.Cmd, ready func(line string) (string, bool)) (*Process, error) {
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, ended: make(chan error, 1)}
	found, told := make(chan string, 1), &bytes.Buffer{}
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if what, ok := ready(lines.Text()); ok {
				found <- what
				break
			}
			told.WriteString(lines.Text() + "\n")
		}
		_, _ = io.Copy(io.Discard, output) // until it ends
		p.ended <- cmd.Wait()
	}()
	select {
	case p.Ready = <-found:
		return p, nil
	case err := <-p.ended:
		return nil, fmt.Errorf("%s did not start: %w\n%s", cmd.Path, err, told)
	}
}

// Stop asks the program to end and waits until it has.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return <-p.ended
}

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// RSS is the memory that the program has resident now, in bytes.
func (p *Process) RSS() (float64, error) { return p.status("VmRSS:") }

// PeakRSS is the most that the program ever had resident, in bytes.
func (p *Process) PeakRSS() (float64, error) { return p.status("VmHWM:") }

func (p *Process) status(line string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), line)
	kib, err := strconv.ParseFloat(strings.TrimSpace(strings.Split(rest, "kB")[0]), 64)
	return kib * 1024, err
}

// CPU is how long the program has computed by now.
func (p *Process) CPU() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat cannot be read", p.PID())
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * (time.Second / 100), err // of a clock that ticks at 100 Hz, wherever Linux runs
}

// Measure runs a program to its end and decodes the JSON that it has written to stdout.
func Measure[T any](ctx context.Context, b *Bench, name string, args ...string) (out T, err error) {
	cmd := exec.CommandContext(ctx, b.Bin(name), args...)
	cmd.Stderr = b.progress
	data, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, json.Unmarshal(data, &out)
}
