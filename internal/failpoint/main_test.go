package failpoint_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"crontopus.dev/crontopus/internal/pgtest"
)

// programs is the folder of both programs, and of one that writes to databases, built so that they can be killed at their failpoints.
var programs string

func TestMain(m *testing.M) {
	dir, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the programs with failpoints:", err)
		os.Exit(1)
	}
	code := pgtest.Main(m)
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "crontopus-failpoint-"); err != nil {
		return "", err
	}
	programs = filepath.Join(dir, "bin")
	args := []string{"build", "-tags", "failpoint", "-o", programs + "/"}
	if os.Getenv("GOCOVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=crontopus.dev/crontopus/...")
	}
	cmd := exec.Command("go", append(args, "crontopus.dev/crontopus/cmd/...", "./testdata/transactions")...)
	cmd.Stderr = os.Stderr
	return dir, errors.Join(os.Chmod(dir, 0o755), os.Mkdir(programs, 0o755), cmd.Run())
}
