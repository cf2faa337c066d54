package failpoint_test

import (
	"context"
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
	if filepath.Base(os.Args[0]) == "transactions" {
		if err := transact(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
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
	options := []string{"-tags", "failpoint"}
	if os.Getenv("GOCOVERDIR") != "" {
		options = append(options, "-cover", "-coverpkg=crontopus.dev/crontopus/...")
	}
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(programs, 0o755))
	for _, args := range [][]string{
		{"build", "-o", programs + "/", "crontopus.dev/crontopus/cmd/..."},
		{"test", "-c", "-o", filepath.Join(programs, "transactions"), "."}, // this one, which can then be killed
	} {
		cmd := exec.Command("go", append(append(args[:1:1], options...), args[1:]...)...)
		cmd.Stderr = os.Stderr
		err = errors.Join(err, cmd.Run())
	}
	return dir, err
}
