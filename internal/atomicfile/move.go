package atomicfile

import (
	"errors"
	"path/filepath"
)

// Move renames a file or folder, over a file that may be at to, and makes that last. What
// is moved has to be on the disk already.
func Move(from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(to)), syncDir(filepath.Dir(from)))
}
