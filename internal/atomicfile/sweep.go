package atomicfile

import (
	"os"
	"path/filepath"
	"time"
)

// abandoned is how old a temporary file is that nobody is still writing.
const abandoned = time.Hour

// Sweep removes the temporary files in a folder that programs have left which were killed
// while they wrote. It does what it can: what stays is in nobody's way.
func Sweep(dir string) {
	names, _ := filepath.Glob(filepath.Join(dir, temporary)) // the pattern is a good one
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(name)
		}
	}
}
