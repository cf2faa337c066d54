package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// datasync brings a file's content to the disk, and not the times of its changes, which
// would cost a journal entry.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
