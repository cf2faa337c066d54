package app_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the program beside the server that opens its file
)

// holdLock is another program that has begun to write to the file, until its input ends.
func holdLock(path string) error {
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(20000)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	t, err := db.Begin()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return t.Rollback()
}

// locked starts that program and returns when it has the lock; unlock ends it.
func locked(t *testing.T, path string) (unlock func()) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program, "hold-lock", path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "locked\n", said)
	return func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	}
}

// One server lives through everything that can happen to its file.
func TestASQLiteFileThatHasAccidents(t *testing.T) {
	o := options(t)
	w := newWard(t, o)
	file := filepath.Join(o.Data, "crontopus.db")
	log := file + "-wal"
	unlock := func() {}
	for name, what := range map[string]accident{
		"another program writes to it": {
			begin: func(t *testing.T) { unlock = locked(t, file) },
			end:   func(*testing.T) { unlock() },
		},
		"it is moved away": {
			begin: func(t *testing.T) { require.NoError(t, os.Rename(file, file+".away")) },
			end:   func(t *testing.T) { require.NoError(t, os.Rename(file+".away", file)) },
		},
		"its log is moved away": {
			begin: func(t *testing.T) { require.NoError(t, os.Rename(log, log+".away")) },
			end:   func(t *testing.T) { require.NoError(t, os.Rename(log+".away", log)) },
		},
		"another file is put in its place": {
			begin: func(t *testing.T) {
				require.NoError(t, os.Rename(file, file+".away"))
				require.NoError(t, os.WriteFile(file, nil, 0o600))
			},
			end: func(t *testing.T) { require.NoError(t, os.Rename(file+".away", file)) },
		},
	} {
		t.Run(name, func(t *testing.T) { w.survives(t, what) })
	}
}
