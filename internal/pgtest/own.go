package pgtest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// New starts a cluster of a test's own, which the test may stop and break. It is reached
// by TCP, as one on another machine is, and ends with the test.
func New(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c := newCluster(t, settings...)
	require.NoError(t, c.start())
	return c
}

// NewOnDisk is New on a disk of its own, of a size as mount takes it, which can be full.
func NewOnDisk(t testing.TB, size string, settings ...string) *Cluster {
	t.Helper()
	c := newCluster(t, settings...)
	c.disk = size
	require.NoError(t, c.start())
	return c
}

func newCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	require.NoError(t, err)
	require.NoError(t, free.Close())
	c := &Cluster{port: port, settings: settings}
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

// Address is where a cluster of a test's own listens.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", c.port) }

// SQL runs statements in a database as the superuser, each in a transaction of its own.
func (c *Cluster) SQL(t testing.TB, database string, statements ...string) {
	t.Helper()
	require.NoError(t, c.psql(append([]string{"SET search_path TO " + Name(t, database)}, statements...)...))
}

// Ways in which PostgreSQL is shut down; the words are its own.
const (
	Fast      = "INT"  // transactions are rolled back, and what was written is tidied up
	Immediate = "QUIT" // as in a crash: the next start recovers
)

// Down shuts the server down and returns when it has gone.
func (c *Cluster) Down(t testing.TB, how string) {
	t.Helper()
	c.command(t, how, saysStopped)
}

// Up starts the server again and returns when it takes connections.
func (c *Cluster) Up(t testing.TB) {
	t.Helper()
	c.command(t, "start", saysReady)
}

// Fill fills the cluster's own disk to the last byte.
func (c *Cluster) Fill(t testing.TB) {
	t.Helper()
	c.command(t, "fill", saysFilled)
}

// Free gives the disk back what Fill took.
func (c *Cluster) Free(t testing.TB) {
	t.Helper()
	c.command(t, "free", saysFreed)
}

// Standby makes a server that is down one that comes up as a copy: it only reads, until
// pg_promote() is called.
func (c *Cluster) Standby(t testing.TB) {
	t.Helper()
	file := filepath.Join(c.dir, "data", "standby.signal")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	if os.Geteuid() == 0 {
		require.NoError(t, give(file, "postgres"))
	}
}

func (c *Cluster) command(t testing.TB, command, answer string) {
	t.Helper()
	_, err := io.WriteString(c.lifeline, command+"\n")
	require.NoError(t, err)
	for said := range c.said {
		if said == answer {
			return
		}
	}
	t.Fatalf("PostgreSQL's supervisor ended before it said %q", answer)
}
