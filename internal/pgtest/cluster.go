package pgtest

import (
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
	"sync"
	"sync/atomic"

	"crontopus.dev/crontopus/internal/smalldisk"
)

// Cluster is a PostgreSQL server. Its zero value is one that the first need of it starts.
type Cluster struct {
	port     string   // of TCP on this machine; "": it is reached by its socket only
	settings []string // beside the usual ones: name=value
	disk     string   // the size of the disk that is its own; "": it is on everybody's

	once     sync.Once
	err      error // of the start
	bin, dir string
	lifeline io.WriteCloser // the supervisor ends the server when it closes, or when this process dies
	said     chan string    // what the server says that somebody waits for
	ended    chan error
	schemas  atomic.Int64
}

// Database returns the URL of an empty place of its own, in a cluster that runs.
func (c *Cluster) Database() (string, error) {
	if err := c.start(); err != nil {
		return "", err
	}
	name := fmt.Sprintf("test_%d", c.schemas.Add(1))
	if err := c.psql("CREATE SCHEMA " + name + " AUTHORIZATION " + Role); err != nil {
		return "", err
	}
	u := url.URL{Scheme: "postgres", User: url.User(Role), Path: "/postgres"}
	query := url.Values{"search_path": {name}, "application_name": {name}}
	if c.port == "" {
		query.Set("host", c.dir)
	} else {
		u.Host = c.Address()
		query.Set("sslmode", "disable")
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// Durable lets the server wait for the disk from now on, as it does in earnest: what a
// benchmark is about. Tests go without, since no machine of theirs loses its power.
func (c *Cluster) Durable() error {
	if err := c.start(); err != nil {
		return err
	}
	return c.psql("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()")
}

// Stop ends the server, if it was started, and removes its folder.
func (c *Cluster) Stop() error {
	if c.lifeline == nil {
		return nil
	}
	c.lifeline.Close()
	c.lifeline = nil
	if err := <-c.ended; err != nil {
		return fmt.Errorf("PostgreSQL's supervisor: %w", err)
	}
	return os.RemoveAll(c.dir)
}

func (c *Cluster) start() error {
	c.once.Do(func() { c.err = c.launch() })
	return c.err
}

// launch starts the server and waits until it says that it is ready.
func (c *Cluster) launch() error {
	var err error
	if c.bin, err = Programs(); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return err
	}
	command := []string{"sh", "-c", supervisor, "pgtest", c.bin, c.dir}
	if c.port != "" {
		command = append(command, "listen_addresses=127.0.0.1", "port="+c.port)
	}
	command = append(command, c.settings...)
	if os.Geteuid() == 0 { // as whom the server refuses to run
		if err := give(c.dir, "postgres"); err != nil {
			return err
		}
		command = append([]string{"runuser", "-u", "postgres", "--"}, command...)
	}
	if c.disk != "" {
		command = append(smalldisk.Command(c.disk, c.dir), command...)
	}
	if err := c.supervise(command); err != nil {
		return err
	}
	return c.psql("CREATE ROLE " + Role + " LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE")
}

func (c *Cluster) psql(statements ...string) error {
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", c.dir}
	if c.port != "" {
		args = append(args[:len(args)-1], "127.0.0.1", "-p", c.port)
	}
	for _, s := range statements {
		args = append(args, "-c", s)
	}
	out, err := exec.Command(filepath.Join(c.bin, "psql"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

// Programs finds the folder of the newest installed server.
func Programs() (string, error) {
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
