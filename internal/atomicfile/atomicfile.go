// Package atomicfile replaces a file so that a reader, or a machine that loses power,
// sees the old content or the new, never a part. Every package may import it, and whatever is
// to outlive the program is written by it: the tests of internal/failpoint kill the program
// before each of its calls.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"crontopus.dev/crontopus/internal/failpoint"
)

// temporary names the files that are being written. The leading dot keeps cron, which skips such
// names, from reading half a file in /etc/cron.d.
const temporary = ".crontopus-*"

// Write replaces name's content with data: temporary file in the same folder, write,
// fsync, rename, fsync of the folder. The file's mode becomes perm, whatever the umask.
func Write(name string, data []byte, perm os.FileMode) error {
	return Create(name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Create is Write for content that fill writes. If fill fails, name stays as it is.
func Create(name string, perm os.FileMode, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err = f.Chmod(perm); err != nil {
		return err
	}
	if err = failpoint.Do("file:write", f.Name(), func() error { return fill(f) }); err != nil {
		return err
	}
	if err = failpoint.Do("file:fsync", f.Name(), f.Sync); err != nil {
		return err
	}
	if err = rename(f.Name(), name); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return syncDir(dir)
}

func rename(from, to string) error {
	return failpoint.Do("file:rename", from+" -> "+to, func() error { return os.Rename(from, to) })
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(failpoint.Do("file:fsync-dir", dir, d.Sync), d.Close())
}
