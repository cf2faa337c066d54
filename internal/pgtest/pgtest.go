// Package pgtest is a real PostgreSQL for tests: a throw-away cluster from the installed
// server's programs, one for a test binary, with a schema for every test, which costs a
// tenth of a database. Tests connect to it as the server does in earnest: as a role that is
// no superuser and that row-level security binds.
//
// It knows nothing of jobs and imports the standard library and the test libraries only.
package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Role is who tests connect as.
const Role = "crontopus"

// Main runs a test binary's tests, and afterwards ends the cluster if one of them started
// it. It returns the exit code: func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }.
func Main(m *testing.M) int {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// shared is the cluster of this test binary.
var shared cluster

// Database returns the URL of a place of a test's own, empty and owned by Role. The name
// that Name finds in it is that of its schema and of the connections to it.
func Database(t testing.TB) string {
	t.Helper()
	require.NoError(t, shared.start())
	name := fmt.Sprintf("test_%d", shared.schemas.Add(1))
	require.NoError(t, shared.psql("CREATE SCHEMA "+name+" AUTHORIZATION "+Role))
	return (&url.URL{Scheme: "postgres", User: url.User(Role), Path: "/postgres", RawQuery: url.Values{"host": {shared.dir},
		"search_path": {name}, "application_name": {name}}.Encode()}).String()
}

// Name is the schema of a URL that Database returned.
func Name(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	return u.Query().Get("search_path")
}

// As returns the URL for another role.
func As(t testing.TB, database, role string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.User(role)
	return u.String()
}

// SQL runs statements as the superuser, each in a transaction of its own.
func SQL(t testing.TB, database string, statements ...string) {
	t.Helper()
	require.NoError(t, shared.psql(append([]string{"SET search_path TO " + Name(t, database)}, statements...)...))
}

// Durable lets the server wait for the disk from now on, as it does in earnest: what a
// benchmark is about. Tests go without, since no machine of theirs loses its power.
func Durable(t testing.TB) {
	t.Helper()
	require.NoError(t, shared.start())
	require.NoError(t, shared.psql("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"))
}

// cluster is a PostgreSQL server. Its zero value is one that was not started.
type cluster struct {
	once     sync.Once
	err      error // of the start
	bin, dir string
	lifeline io.Closer // the supervisor ends the server when it closes, or when this process dies
	ended    chan error
	schemas  atomic.Int64
}

func (c *cluster) start() error {
	c.once.Do(func() { c.err = c.launch() })
	return c.err
}

// supervisor makes the cluster and runs the server until its standard input ends, however
// the test binary ends. Ctrl-C is for the test binary; the supervisor tidies up after it.
const supervisor = `
trap '' INT
cd "$2" || exit
"$1/initdb" -D data -U postgres -A trust --no-sync --locale-provider=icu --icu-locale=en -E UTF8 >&2 || exit
echo fsync=off >>data/postgresql.conf
"$1/postgres" -D data -k "$2" -c listen_addresses= -c max_connections=400 2>&1 &
read -r _
kill -INT $!
wait $!
cd /
rm -rf "$2"
`

// launch starts the server and waits until it says that it is ready.
func (c *cluster) launch() error {
	var err error
	if c.bin, err = programs(); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return err
	}
	command := []string{"sh", "-c", supervisor, "pgtest", c.bin, c.dir}
	if os.Geteuid() == 0 { // as whom the server refuses to run
		if err := give(c.dir, "postgres"); err != nil {
			return err
		}
		command = append([]string{"runuser", "-u", "postgres", "--"}, command...)
	}
	cmd := exec.Command(command[0], command[1:]...)
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	c.lifeline, c.ended = lifeline, make(chan error, 1)
	ready := make(chan error, 1)
	go func() {
		told := watch(output, ready)
		err := cmd.Wait()
		ready <- errors.Join(err, fmt.Errorf("PostgreSQL did not start:\n%s", told)) // nobody reads it if it did
		c.ended <- err
	}()
	if err := <-ready; err != nil {
		return err
	}
	return c.psql("CREATE ROLE " + Role + " LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE")
}

// watch reads what the server says until it ends, and returns its beginning.
func watch(output io.Reader, ready chan<- error) string {
	var told []string
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "database system is ready to accept connections") {
			select {
			case ready <- nil:
			default: // it was restarted
			}
		}
		if len(told) < 100 {
			told = append(told, lines.Text())
		}
	}
	return strings.Join(told, "\n")
}

// stop ends the server and removes its folder.
func (c *cluster) stop() error {
	if c.lifeline == nil {
		return nil
	}
	c.lifeline.Close()
	if err := <-c.ended; err != nil {
		return fmt.Errorf("PostgreSQL's supervisor: %w", err)
	}
	return nil
}

func (c *cluster) psql(statements ...string) error {
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", c.dir, "-U", "postgres"}
	for _, s := range statements {
		args = append(args, "-c", s)
	}
	out, err := exec.Command(filepath.Join(c.bin, "psql"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

// programs finds the folder of the newest installed server.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian has them, outside PATH
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("PostgreSQL's server is not installed: run make install-deps, or install the package postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 for one in PATH
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// give makes the user the owner of the folder.
func give(dir, name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, -1)
}
