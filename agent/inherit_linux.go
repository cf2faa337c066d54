package agent

import (
	"math"

	"golang.org/x/sys/unix"
)

// keepFiles keeps from jobs what this process has open, also what it did not open itself:
// a root shell that runs a job by hand may hold files that the job's user must not have.
func keepFiles() error {
	return unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}
