//go:build unix

package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openNoFollow opens a file for reading without following a link anywhere in its path, so
// that a path which the host's policy allows leads nowhere else. It does not wait for
// a pipe's other side.
func openNoFollow(path string) (*os.File, error) {
	failed := func(err error) (*os.File, error) {
		if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
			err = errors.New("a part of its path is a link or no folder; write the path without links")
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	dir, err := openAt(unix.AT_FDCWD, "/", openDir)
	if err != nil {
		return failed(err)
	}
	parts := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	for _, part := range parts[:len(parts)-1] {
		next, err := openAt(dir, part, openDir)
		_ = unix.Close(dir) // opened for looking only: nothing to lose
		if err != nil {
			return failed(err)
		}
		dir = next
	}
	defer unix.Close(dir)
	fd, err := openAt(dir, parts[len(parts)-1], unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return failed(err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func openAt(dir int, name string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
