package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/gittest"
)

var agentCases = []Case{{
	Name: "agent/exec",
	What: "What `crontopus-agent exec` adds to a job, with a bundle of 1,000 jobs: verify, policy, claim, lock, capture, check in with a server. " +
		"Floor: what a small Go program adds that starts the command and keeps its output.",
	Run: agentExec,
}, {
	Name: "agent/idle",
	What: "Resident memory of the daemon that waits for news, with a bundle of 1,000 jobs. Floor: a Go program with the same libraries and one open long poll.",
	Run:  agentIdle,
}, {
	Name: "agent/size",
	What: "The stripped program. Floor: the program of agent/idle.",
	Run:  agentSize,
}, {
	Name: "agent/due",
	What: "1,000 jobs due in one second with the builtin scheduler, each with claim, lock, capture and two check-ins with a server on this machine. " +
		"Instead of a floor: supercronic, which does none of that. The lag is from the due instant until the job has touched a file.",
	Run: agentDue,
}}

// due is how many jobs are due at once.
const due = 1000

// Host is an agent under measurement, with the server that it serves.
type Host struct {
	*Server
	agent *Process
	dir   string
	args  []string // what every command of the agent is told
}

// StartHost starts a server, and an agent with a scheduler that has the thousand jobs of
// the manifests.
func (b *Bench) StartHost(ctx context.Context, scheduler string, manifests map[string]string) (*Host, error) {
	h := &Host{dir: b.TB.TempDir()}
	h.args = []string{"--state-dir", filepath.Join(h.dir, "state"), "--policy-file", filepath.Join(h.dir, "policy.yaml"), "--scheduler", scheduler}
	if scheduler == "crontab" { // which nobody reads
		h.args = append(h.args, "--crontab-file", filepath.Join(h.dir, "crontab"))
	}
	if err := os.WriteFile(filepath.Join(h.dir, "policy.yaml"), []byte("allowScripts: false\n"+usersOf(os.Getuid())), 0o600); err != nil {
		return nil, err
	}
	var err error
	if h.Server, err = b.StartServer(ctx, "SQLite"); err != nil {
		return nil, err
	}
	h.Repo = gittest.NewRepo(b.TB)
	h.Repo.Commit(b.TB, "jobs", manifests)
	if _, err := h.Client.AddSource(ctx, wire.SourceInput{Name: "bench", URL: h.Repo.URL(), Branch: gittest.Branch}); err != nil {
		return nil, err
	}
	token, err := h.Client.CreateEnrollmentToken(ctx, wire.TokenInput{Uses: 1, NamePattern: "*"})
	if err != nil {
		return nil, err
	}
	enroll := h.command(ctx, b, "enroll", "--server", h.URL, "--token", token.Printed, "--name", "host")
	if out, err := enroll.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("enroll: %w\n%s", err, out)
	}
	h.agent, err = start(h.command(ctx, b, "run"), func(line string) (string, bool) {
		return line, strings.Contains(line, "bundle accepted") && strings.Contains(line, fmt.Sprintf("jobs=%d", due))
	})
	if err != nil {
		return nil, err
	}
	return h, h.applied(ctx)
}

// applied waits until the scheduler holds the jobs: on a slow disk that is much later than the
// bundle is accepted, and an entry runs for nothing that was due before it came.
func (h *Host) applied(ctx context.Context) error {
	for {
		if _, err := os.Stat(filepath.Join(h.dir, "state", "applied.json")); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := waitUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
}

// usersOf lets the agent's own user run jobs, also root.
func usersOf(uid int) string {
	if uid == 0 {
		return "users: [root]\n"
	}
	return ""
}

func (h *Host) command(ctx context.Context, b *Bench, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, b.Bin("crontopus-agent"), slices.Concat([]string{name}, h.args, args)...)
}

func (h *Host) stop() error {
	if err := h.agent.Stop(); err != nil {
		return err
	}
	return h.Stop()
}

// touching are a thousand jobs that are due each minute and touch a file of their own.
func touching(dir string) map[string]string {
	files := map[string]string{}
	for i := range due {
		files[fmt.Sprintf("job-%d.yaml", i)] = fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\nspec:\n  schedule: \"* * * * *\"\n"+
			"  target: {all: true}\n  run: {command: [/usr/bin/touch, %s]}\n", i, filepath.Join(dir, fmt.Sprint(i)))
	}
	return files
}

// agentExec starts each job as cron does, once for one due instant.
func agentExec(ctx context.Context, b *Bench) ([]Figure, error) {
	dir := b.TB.TempDir()
	h, err := b.StartHost(ctx, "crontab", touching(dir))
	if err != nil {
		return nil, err
	}
	if err := waitUntil(ctx, nextMinute(0)); err != nil { // when all are due
		return nil, err
	}
	var bare, floor, product Samples
	job := 0
	timed := func(samples *Samples, cmd *exec.Cmd) error {
		began := time.Now()
		out, err := cmd.CombinedOutput()
		*samples = append(*samples, milliseconds(time.Since(began)))
		if err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		return nil
	}
	err = b.Turns(ctx, func(ctx context.Context) error {
		for range 60 {
			file := filepath.Join(dir, fmt.Sprint(job))
			if err := timed(&bare, exec.CommandContext(ctx, "/usr/bin/touch", file)); err != nil {
				return err
			}
			if err := timed(&floor, exec.CommandContext(ctx, b.Bin("wrap"), "/usr/bin/touch", file)); err != nil {
				return err
			}
			if err := os.Remove(file); err != nil {
				return err
			}
			if err := timed(&product, h.command(ctx, b, "exec", fmt.Sprintf("default/job-%d", job))); err != nil {
				return err
			}
			if _, err := os.Stat(file); err != nil {
				return fmt.Errorf("the job did not run: %w", err)
			}
			job++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: "added to a job", Unit: "ms", Product: product.Median() - bare.Median(), Floor: floor.Median() - bare.Median(), Reach: Within(8)},
	}, h.stop()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// nextMinute is the next full minute, if that is further than margin away, or the one after.
func nextMinute(margin time.Duration) time.Time {
	return time.Now().Add(margin).Truncate(time.Minute).Add(time.Minute)
}

func waitUntil(ctx context.Context, at time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(at)):
		return nil
	}
}

// agentSize looks at the programs, which are built as a release is.
func agentSize(_ context.Context, b *Bench) ([]Figure, error) {
	size := func(name string) (float64, error) {
		info, err := os.Stat(b.Bin(name))
		if err != nil {
			return 0, err
		}
		return float64(info.Size()) / 1e6, nil
	}
	product, err := size("crontopus-agent")
	if err != nil {
		return nil, err
	}
	floor, err := size("idle")
	return []Figure{{Name: "stripped", Unit: "MB", Product: product, Floor: floor, Reach: Within(12)}}, err
}
