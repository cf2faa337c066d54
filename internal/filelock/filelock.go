//go:build unix

// Package filelock locks a file between processes, by flock(2). The lock ends with the
// process, however that ends. Every package may import it.
package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or another Lock of this one, holds the file.
var ErrLocked = errors.New("the file is locked by another process")

// Lock is a held lock.
type Lock struct{ file *os.File }

// TryLock takes the lock on the file at path, which it makes if need be. It returns
// ErrLocked at once when another holds it.
func TryLock(path string) (*Lock, error) { return lock(path, unix.LOCK_EX|unix.LOCK_NB) }

// Wait takes the lock on the file at path as soon as no other holds it.
func Wait(path string) (*Lock, error) { return lock(path, unix.LOCK_EX) }

func lock(path string, how int) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{f}, nil
}

// Close gives the lock up. The file stays: removing it would let two hold it at once.
func (l *Lock) Close() error { return l.file.Close() }
