package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// ready waits until a program that was started has made a file.
func ready(t *testing.T, d *demo, name string) {
	t.Helper()
	require.NoError(t, d.until(t.Context(), name, func() (bool, error) {
		_, err := os.Stat(filepath.Join(d.dir, name))
		return err == nil, nil
	}))
}

func TestProgramsEndInReverseOrderOfTheirStart(t *testing.T) {
	d := scratched(t)
	for _, name := range []string{"first", "second", "third"} {
		require.NoError(t, d.start(name, "/bin/sh", "-c", "trap 'echo "+name+" >>order; exit 0' TERM; touch "+name+"; while :; do read -r x <"+fifo(t, d, name)+"; done"))
		ready(t, d, name)
	}
	require.NoError(t, d.ended())
	require.NoError(t, d.stop())
	order, err := os.ReadFile(filepath.Join(d.dir, "order"))
	require.NoError(t, err)
	require.Equal(t, "third\nsecond\nfirst\n", string(order))
	require.NoError(t, d.stop(), "who has ended can be stopped again")
}

// fifo makes a file that a reader waits at for ever, without using the processor.
func fifo(t *testing.T, d *demo, name string) string {
	t.Helper()
	path := filepath.Join(d.dir, name+".fifo")
	_, err := d.run(t.Context(), "mkfifo", path)
	require.NoError(t, err)
	return path
}

func TestAProgramThatEndsByItselfIsReportedWithItsLastWords(t *testing.T) {
	for _, c := range []struct{ name, script, says string }{
		{"with an error", "echo starting; echo 'no port is free' >&2; exit 3", "server ended with exit status 3\nstarting\nno port is free"},
		{"all is well, but it should have stayed", "echo bye", "server ended all by itself\nbye"},
		{"killed", "echo a; kill -KILL $$", "server ended with signal: killed\na"},
		{"with many words, of which the last count", "seq 1 100; exit 1", "server ended with exit status 1\n86\n87\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := scratched(t)
			require.NoError(t, d.start("server", "/bin/sh", "-c", c.script))
			<-d.processes[0].done
			err := d.until(t.Context(), "the server", func() (bool, error) { return false, nil })
			require.ErrorContains(t, err, c.says)
			require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
		})
	}
}

func TestAProgramThatCannotStartIsNamed(t *testing.T) {
	d := scratched(t)
	err := d.start("server", "/nowhere/crontopus", "server")
	require.ErrorContains(t, err, "cannot start /nowhere/crontopus")
	require.Empty(t, d.processes)
}

func TestRunSaysWhichCommandFailedAndHow(t *testing.T) {
	d := scratched(t)
	out, err := d.run(t.Context(), "/bin/sh", "-c", "pwd; echo $HOME")
	require.NoError(t, err)
	require.Equal(t, d.dir+"\n"+d.dir+"\n", out, "in the scratch folder, with its environment")
	_, err = d.run(t.Context(), "/bin/sh", "-c", "echo why >&2; exit 4", "secret")
	require.EqualError(t, err, "/bin/sh -c echo why >&2; exit 4 failed: exit status 4\nwhy\n")
	require.NotContains(t, err.Error(), "secret", "a token among the arguments is not repeated")
}

func TestRunThatIsInterruptedTakesItsChildrenAlong(t *testing.T) {
	d := scratched(t)
	ctx, cancel := context.WithCancel(t.Context())
	path := fifo(t, d, "gate")
	ended := make(chan error, 1)
	go func() {
		_, err := d.run(ctx, "/bin/sh", "-c", "(touch child; read -r x <"+path+") & wait")
		ended <- err
	}()
	ready(t, d, "child")
	cancel()
	require.ErrorContains(t, <-ended, "signal: killed")
}

func TestUntil(t *testing.T) {
	t.Run("it comes", func(t *testing.T) {
		d, looks := &demo{}, 0
		require.NoError(t, d.until(t.Context(), "it", func() (bool, error) { looks++; return looks == 3, nil }))
		require.Equal(t, 3, looks)
	})
	t.Run("looking fails", func(t *testing.T) {
		broken := errors.New("broken")
		require.ErrorIs(t, (&demo{}).until(t.Context(), "it", func() (bool, error) { return false, broken }), broken)
	})
	t.Run("it does not come in time", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err := (&demo{}).until(ctx, "the sync of abc", func() (bool, error) { return false, ctx.Err() })
		require.ErrorContains(t, err, "waited for the sync of abc, which did not come: context deadline exceeded")
	})
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string]string{
		"": "", "one\n": "one", "one\n\n\n": "one",
		strings.Repeat("x\n", 40): strings.TrimRight(strings.Repeat("x\n", 15), "\n"),
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.Equal(t, want, tail(file))
	}
	require.ErrorContains(t, errors.New(tail(file+".none")), "no such file")
}
