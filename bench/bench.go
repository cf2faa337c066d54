package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"crontopus.dev/crontopus/internal/pgtest"
)

// Bench is what cases work with.
type Bench struct {
	Rounds int
	TB     testing.TB // for what tests have, too: require, gittest, TempDir
	Dir    string     // scratch, removed at the end

	host     *host
	postgres pgtest.Cluster // started by the first use
	bin      string         // the folder of all programs
	progress io.Writer
}

// built lists what is measured, by folder of its go command.
var built = map[string][]string{
	".":           {"./cmd/...", "./bench/load", "./bench/timed", "./bench/floor/..."},
	"bench/peers": {"tool"},
}

// newBench builds everything that is measured, from the folder of the module: as a release is
// built, stripped and without C.
func newBench(ctx context.Context, rounds int, progress io.Writer) (*Bench, error) {
	dir, err := os.MkdirTemp("", "crontopus-bench")
	if err != nil {
		return nil, err
	}
	h := &host{ctx: ctx, dir: dir}
	b := &Bench{Rounds: rounds, TB: h, Dir: dir, host: h, progress: progress}
	if b.bin, err = filepath.Abs("bin/bench"); err != nil {
		return nil, errors.Join(err, b.close())
	}
	for folder, packages := range built {
		fmt.Fprintf(progress, "bench: building %v in %s\n", packages, folder)
		cmd := exec.CommandContext(ctx, "go", append([]string{"-C", folder, "build", "-trimpath", "-ldflags", "-s -w", "-o", b.bin + "/"}, packages...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("go build in %s, which is run in the folder of the module: %w\n%s", folder, err, bytes.TrimSpace(out)), b.close())
		}
	}
	return b, nil
}

// Bin is the path of a program that newBench built: crontopus, crontopus-agent, load, a floor
// or a peer.
func (b *Bench) Bin(name string) string { return filepath.Join(b.bin, name) }

// Database returns the URL of an empty PostgreSQL database, which waits for the disk as in
// earnest. All are in one cluster.
func (b *Bench) Database() (string, error) {
	if err := b.postgres.Durable(); err != nil {
		return "", err
	}
	return b.postgres.Database()
}

func (b *Bench) close() error {
	return errors.Join(b.host.end(), b.postgres.Stop(), os.RemoveAll(b.Dir))
}
