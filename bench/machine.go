package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// describeMachine tells what the figures depend on.
func (b *Bench) describeMachine(ctx context.Context) []fact {
	facts := []fact{
		{"date", time.Now().UTC().Format(time.DateOnly)},
		{"processor", fmt.Sprintf("%s, %d cores", processor(), runtime.NumCPU())},
		{"system", oneLine(ctx, "uname", "-srm")},
		{"write of 4 KiB and fsync, median", b.syncTime()},
		{"an empty Go program, median", b.startTime(ctx) + "; 1.1 ms on the machine for which reaches in milliseconds were set"},
		{"ed25519 over 100 KB, median", verifyTime() + "; 0.15 ms there"},
		{"Crontopus", oneLine(ctx, "git", "describe", "--always", "--dirty")},
		{"Go", runtime.Version()},
		{"Git", strings.TrimPrefix(oneLine(ctx, "git", "--version"), "git version ")},
		{"PostgreSQL", strings.TrimPrefix(oneLine(ctx, "psql", "--version"), "psql (PostgreSQL) ")},
	}
	libraries := map[string]string{"modernc.org/sqlite": "SQLite driver", "github.com/jackc/pgx/v5": "PostgreSQL driver"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if name := libraries[m.Path]; name != "" {
				facts = append(facts, fact{name, m.Path + " " + m.Version})
			}
		}
	}
	return append(facts, b.peers(ctx)...)
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// oneLine is what a program says, or that it cannot.
func oneLine(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// syncTime is how long the disk under the scratch folder takes to keep a page.
func (b *Bench) syncTime() string {
	f, err := os.Create(filepath.Join(b.Dir, "sync"))
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	var took Samples
	page := make([]byte, 4<<10)
	for range 200 {
		if _, err := f.WriteAt(page, 0); err != nil {
			return "unknown"
		}
		began := time.Now()
		if err := f.Sync(); err != nil {
			return "unknown"
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	return number(took.Median()) + " ms"
}

// startTime is how long a program takes that does nothing, from its start to its end.
func (b *Bench) startTime(ctx context.Context) string {
	var took Samples
	for range 50 {
		began := time.Now()
		if err := exec.CommandContext(ctx, b.Bin("validate"), "nothing", ".").Run(); err != nil {
			return "unknown"
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	return number(took.Median()) + " ms"
}

// verifyTime is how long the processor takes to check a signature over 100 KB.
func verifyTime() string {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "unknown"
	}
	message := make([]byte, 100<<10)
	signature := ed25519.Sign(key, message)
	var took Samples
	for range 200 {
		began := time.Now()
		ed25519.Verify(pub, message, signature)
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	return number(took.Median()) + " ms"
}

// peers tells the pinned versions of what a user would take instead.
func (b *Bench) peers(ctx context.Context) (facts []fact) {
	listed := oneLine(ctx, "go", "-C", "bench/peers", "list", "-f", "{{.Module.Path}} {{.Module.Version}}", "tool")
	for line := range strings.Lines(listed) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			facts = append(facts, fact{filepath.Base(path), version})
		}
	}
	return facts
}
