//go:build unix

// Package filelock locks a file between processes, by flock(2). The lock ends with the
// process, however that ends. Every package may import it.
package filelock

import (
	"errors"
	"io"
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

// File is the locked file, for its holder to read and write.
func (l *Lock) File() *os.File { return l.file }

// SetNote leaves text in the file for others to read with Note. It is gone when the next
// note is left; ending the lock leaves it.
func (l *Lock) SetNote(text string) error {
	if err := l.file.Truncate(0); err != nil || text == "" {
		return err
	}
	_, err := l.file.WriteAt([]byte(text), 0)
	return err
}

// Note returns what the last holder left.
func (l *Lock) Note() (string, error) { return note(l.file) }

// Note returns what a holder of the lock on the file at path left there.
func Note(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return note(f)
}

// longestNote is in bytes.
const longestNote = 4096

func note(f *os.File) (string, error) {
	text := make([]byte, longestNote)
	n, err := f.ReadAt(text, 0)
	if err == io.EOF {
		err = nil
	}
	return string(text[:n]), err
}

// Close gives the lock up, also where a process that is just being forked has the file
// open, too. The file stays: removing it would let two hold it at once.
func (l *Lock) Close() error {
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
