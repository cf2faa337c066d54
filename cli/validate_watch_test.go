package cli_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/cli"
)

const job = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: NAME}
spec: {schedule: "@daily", target: {all: true}, run: {command: [/bin/true], timeout: 1m}}
`

func TestValidateWatchesUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	write("a.yaml", strings.ReplaceAll(job, "NAME", "a"))
	ctx, interrupt := context.WithCancel(t.Context())
	said, stderr := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"validate", "--watch", dir}, strings.NewReader(""), io.Discard, stderr)
		stderr.Close()
	}()
	lines := bufio.NewScanner(said)
	await := func(want string) { // a check ends with the word that it watches on
		t.Helper()
		var check []string
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "watching") {
			check = append(check, lines.Text())
		}
		require.Contains(t, strings.Join(check, "\n"), want)
	}
	await("1 job in 1 file: all is well")
	write("a.yaml", "kind: Nonsense\n")
	await("1 problem in 1 file")
	write("new/folder/b.yaml", strings.ReplaceAll(job, "NAME", "b"))
	await("in 2 files")
	write("a.yaml", strings.ReplaceAll(job, "NAME", "b"))
	await("2 problems in 2 files")
	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	await("1 job in 1 file: all is well")
	interrupt()
	await("interrupted")
	require.Equal(t, 2, <-ended)
}

func TestAPatternIsWatchedAndStandardInputIsNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "jobs", "a.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(job, "NAME", "a")), 0o644))
	ctx, interrupt := context.WithCancel(t.Context())
	said, stderr := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"validate", "--watch", filepath.Join(dir, "**", "*.yaml")}, strings.NewReader(""), io.Discard, stderr)
		stderr.Close()
	}()
	lines := bufio.NewScanner(said)
	await := func(want string) {
		t.Helper()
		for lines.Scan() && !strings.Contains(lines.Text(), want) {
		}
		require.Contains(t, lines.Text(), want)
	}
	await("1 job in 1 file: all is well")
	await("watching")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jobs", "b.yaml"), []byte(strings.ReplaceAll(job, "NAME", "b")), 0o644))
	await("2 jobs in 2 files: all is well")
	await("watching")
	interrupt()
	await("interrupted")
	require.Equal(t, 2, <-ended)

	var talk strings.Builder
	require.Equal(t, 2, cli.Main(t.Context(), []string{"validate", "--watch", "-"}, strings.NewReader(""), io.Discard, &talk))
	require.Contains(t, talk.String(), "standard input cannot be watched")
}
