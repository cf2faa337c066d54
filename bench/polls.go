package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var pollCases = []Case{{
	Name: "polls/waiting",
	What: "10,000 agents wait in long polls on one server: what each costs in memory, how long it takes to answer all of them when the server " +
		"lets them go, and how long after a push that changes every host's bundle the last of them has it (sync, signing and commit included). " +
		"Floor: a bare handler that waits for a channel, knows no agents and answers everybody the same.",
	Run: waitingAgents,
}}

const waiting = 10_000

// pollSamples are what one side measured.
type pollSamples struct{ memory, wake, change, cpu Samples }

func waitingAgents(ctx context.Context, b *Bench) ([]Figure, error) {
	server, err := b.StartServer(ctx, "SQLite")
	if err != nil {
		return nil, err
	}
	if err := server.Furnish(ctx, b, 1, waiting); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	if err := server.Stop(); err != nil { // each round begins with a fresh process
		return nil, err
	}
	var product, floor pollSamples
	turn := 0
	err = b.Turns(ctx, func(ctx context.Context) error {
		if err := server.Run(ctx); err != nil {
			return err
		}
		turn++
		return product.measure(ctx, b, server.Process, server.Addr(), server.Token, server.Agents, func() error {
			server.Repo.Commit(b.TB, "change", ManifestFiles(1, fmt.Sprint("turn-", turn)))
			return server.Client.SyncSource(ctx, "bench")
		})
	}, func(ctx context.Context) error {
		p, err := b.Start(ctx, "polls")
		if err != nil {
			return err
		}
		return floor.measure(ctx, b, p, p.Ready, func(Agent) string { return "nobody" }, server.Agents, func() error {
			return p.cmd.Process.Signal(syscall.SIGUSR1)
		})
	})
	return []Figure{
		{Name: "memory of a waiting agent", Unit: "KiB", Product: product.memory.Median(), Floor: floor.memory.Median(), Reach: AtMost(1.5)},
		{Name: "wake all 10,000", Unit: "ms", Product: product.wake.Median(), Floor: floor.wake.Median(), Reach: AtMost(1.5)},
		{Name: "CPU of the server to wake all", Unit: "ms", Product: product.cpu.Median(), Floor: floor.cpu.Median()},
		{Name: "a change for all 10,000: from the request to sync until the last has its bundle", Unit: "ms", Product: product.change.Median(), Floor: floor.change.Median()},
	}, err
}

// measure lets agents wait at a process twice: until change has brought all something new, and
// until the process is told to end.
func (s *pollSamples) measure(ctx context.Context, b *Bench, p *Process, addr string, token func(Agent) string, agents []Agent, change func() error) (err error) {
	idle, err := p.RSS()
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	load, err := b.startPolls(ctx, addr, token, agents)
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	defer func() { err = errors.Join(err, load.cmd.Wait()) }()
	if err := load.waiting(); err != nil {
		return errors.Join(err, p.Stop())
	}
	if err := settle(ctx); err != nil {
		return errors.Join(err, p.Stop())
	}
	busy, err := p.RSS()
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	s.memory = append(s.memory, (busy-idle)/float64(len(agents))/1024)
	began := time.Now()
	if err := change(); err != nil {
		return errors.Join(err, p.Stop())
	}
	answered, err := load.answered()
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	s.change = append(s.change, answered.after(began))
	if err := load.waiting(); err != nil {
		return errors.Join(err, p.Stop())
	}
	before, err := p.CPU()
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	began = time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if answered, err = load.answered(); err != nil {
		return errors.Join(err, <-p.ended)
	}
	s.wake = append(s.wake, answered.after(began))
	err = <-p.ended
	s.cpu = append(s.cpu, float64((p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime() - before).Milliseconds()))
	return err
}

// settle gives either side time to give back what the agents' coming has cost: what counts is
// what their waiting costs.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(12 * time.Second):
		return nil
	}
}

// polls is the load's process.
type polls struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// woken is when the load had the answers.
type woken struct{ First, Last, Status int64 }

// after is how many milliseconds passed until the last.
func (w woken) after(began time.Time) float64 { return float64(w.Last-began.UnixMicro()) / 1000 }

func (b *Bench) startPolls(ctx context.Context, addr string, token func(Agent) string, agents []Agent) (*polls, error) {
	var lines strings.Builder
	for _, a := range agents {
		fmt.Fprintf(&lines, "Authorization: Bearer %s\n", token(a))
	}
	headers := filepath.Join(b.Dir, "headers")
	if err := os.WriteFile(headers, []byte(lines.String()), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.Bin("load"), "polls", "-addr", addr, "-path", bundlePath, "-headers", headers,
		"-connections", strconv.Itoa(len(agents)), "-rounds", "2")
	cmd.Stderr = b.progress
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &polls{cmd, bufio.NewScanner(out)}, cmd.Start()
}

func (l *polls) line() (string, error) {
	if !l.lines.Scan() {
		return "", errors.Join(io.ErrUnexpectedEOF, l.lines.Err())
	}
	return l.lines.Text(), nil
}

// waiting returns when all agents wait.
func (l *polls) waiting() error {
	line, err := l.line()
	if err == nil && line != "waiting" {
		err = fmt.Errorf("load polls said %q", line)
	}
	return err
}

// answered returns when all have their answer.
func (l *polls) answered() (w woken, err error) {
	line, err := l.line()
	if err != nil {
		return w, err
	}
	return w, json.Unmarshal([]byte(line), &w)
}
