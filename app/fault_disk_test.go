package app_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/internal/smalldisk"
)

func TestAPostgreSQLWhoseDiskIsFull(t *testing.T) {
	cluster := pgtest.NewOnDisk(t, "160m")
	database, err := cluster.Database()
	require.NoError(t, err)
	o := options(t)
	o.Database = database
	w := newWard(t, o)
	w.survives(t, accident{begin: func(t *testing.T) { cluster.Fill(t) }, end: func(t *testing.T) { cluster.Free(t) }, ready: true})
}

// The server's own disk is full: that of SQLite, of mirrors and of the fetch child. It takes
// the whole program, in a process that has such a disk.
func TestAServerWhoseDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(t.TempDir(), "crontopus")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "crontopus.dev/crontopus/cmd/crontopus").CombinedOutput()
	require.NoError(t, err, "%s", out)
	address, metrics := freeAddress(t), freeAddress(t)
	words := append(smalldisk.Command("16m", dir), program, "server", "--data", filepath.Join(dir, "data"),
		"--listen", address, "--metrics-listen", metrics, "--allow-file-sources")
	server := exec.Command(words[0], words[1:]...)
	said := &strings.Builder{}
	server.Stdout, server.Stderr = said, said
	require.NoError(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() { _ = server.Process.Kill() })

	w := &ward{url: "http://" + address, metrics: "http://" + metrics + "/metrics"}
	until(t, "the server is ready", func() bool {
		response, err := http.Get(w.url + "/readyz")
		if err != nil {
			return false
		}
		require.NoError(t, response.Body.Close())
		return response.StatusCode == http.StatusOK
	})
	disk := fmt.Sprintf("/proc/%d/root%s", server.Process.Pid, dir) // as it sees it
	key, err := os.ReadFile(filepath.Join(disk, "data", "admin.key"))
	require.NoError(t, err)
	w.key = strings.TrimSpace(string(key))
	w.furnish(t)

	ballast := filepath.Join(disk, "ballast")
	w.survives(t, accident{
		begin: func(t *testing.T) {
			file, err := os.Create(ballast)
			require.NoError(t, err)
			defer file.Close()
			for _, size := range []int{1 << 20, 512} {
				for err = nil; err == nil; {
					_, err = file.Write(make([]byte, size))
				}
				require.ErrorIs(t, err, syscall.ENOSPC)
			}
		},
		end:   func(t *testing.T) { require.NoError(t, os.Remove(ballast)) },
		ready: true,
	})
	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-ended, "%s", said)
	require.NotContains(t, said.String(), "panic")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
