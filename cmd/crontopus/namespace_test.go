package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// envInside says that this process already runs in the private mount namespace.
const envInside = "CRONTOPUS_TEST_NAMESPACE"

// programs is the folder of the two built programs.
var programs string

// TestMain moves the tests into a mount namespace of their own, in which /etc/cron.d,
// /etc/crontab and cron's spool are empty: the real cron that they start must not fire
// this machine's other jobs, nor the machine's cron theirs.
func TestMain(m *testing.M) {
	if os.Getenv(envInside) == "" {
		os.Exit(enterNamespace())
	}
	dir, err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot prepare the whole-product tests:", err)
		os.Exit(1)
	}
	code, err := withCron(m)
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// enterNamespace runs this test binary again inside unshare(1), as root.
func enterNamespace() int {
	argv := append([]string{"unshare", "--mount", "--propagation", "private", "--", os.Args[0]}, os.Args[1:]...)
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "--non-interactive", "--preserve-env"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), envInside+"=yes")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the whole-product tests need root (or sudo) and unshare(1) of util-linux:", err)
		return 1
	}
	return 0
}

// withCron runs the tests beside the real cron of this machine, started in the namespace:
// one for all scripts, since a second one finds the first one's lock.
func withCron(m *testing.M) (code int, err error) {
	cron := exec.Command("cron", "-f")
	cron.Stderr = os.Stderr
	if err := cron.Start(); err != nil {
		return 1, fmt.Errorf("is the package cron installed? %w", err)
	}
	code = m.Run()
	if err := cron.Process.Kill(); err != nil {
		return code, err
	}
	_ = cron.Wait() // it tells of the signal
	return code, nil
}

// prepare hides the machine's cron and builds both programs; with GOCOVERDIR set they
// count what they cover.
func prepare() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "crontopus-whole-"); err != nil {
		return "", err
	}
	// Programs run as other users, too, by jobs that say so.
	if err := os.Chmod(dir, 0o755); err != nil {
		return dir, err
	}
	empty := filepath.Join(dir, "crontab")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		return dir, err
	}
	for _, target := range []string{"/etc/cron.d", "/var/spool/cron", "/run"} {
		if err := unix.Mount("tmpfs", target, "tmpfs", 0, "mode=0755"); err != nil {
			return dir, fmt.Errorf("mount over %s (is the package cron installed?): %w", target, err)
		}
	}
	spool := exec.Command("install", "--directory", "--mode=1730", "--group=crontab", "/var/spool/cron/crontabs")
	if out, err := spool.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	if err := unix.Mount(empty, "/etc/crontab", "", unix.MS_BIND, ""); err != nil {
		return dir, fmt.Errorf("mount over /etc/crontab: %w", err)
	}
	if err := moveHome("games", "/var/spool/cron/games", filepath.Join(dir, "passwd")); err != nil {
		return dir, err
	}
	programs = filepath.Join(dir, "bin")
	args := []string{"build", "-o", programs + "/"}
	if os.Getenv("GOCOVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=crontopus.dev/crontopus/...")
	}
	build := exec.Command("go", append(args, "crontopus.dev/crontopus/cmd/...")...)
	build.Stderr = os.Stderr
	if err := os.Mkdir(programs, 0o755); err != nil {
		return dir, err
	}
	return dir, build.Run()
}

// moveHome gives a system user a home, and a shell for cron, in the namespace only.
func moveHome(name, home, scratch string) error {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	line := regexp.MustCompile(`(?m)^(` + name + `:[^:]*:\d+:\d+:[^:]*:).*$`)
	if err := os.WriteFile(scratch, line.ReplaceAll(passwd, []byte("${1}"+home+":/bin/sh")), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(scratch, "/etc/passwd", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over /etc/passwd: %w", err)
	}
	return nil
}
