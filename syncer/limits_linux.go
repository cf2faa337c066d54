package syncer

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tellKernel sets this process's limits, which a git that it starts inherits. Memory is
// limited as RLIMIT_DATA: a Go program reserves far more address space than it uses, so it
// would die of RLIMIT_AS long before its limit.
func (l FetchLimits) tellKernel() error {
	seconds := uint64((l.CPU + time.Second - 1) / time.Second) //nolint:gosec // positive
	limits := map[int]uint64{
		unix.RLIMIT_CPU:    seconds,
		unix.RLIMIT_FSIZE:  uint64(l.Disk), //nolint:gosec // positive
		unix.RLIMIT_NOFILE: maxOpenFiles,
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_DATA:   uint64(l.data()), //nolint:gosec // positive
	}
	for resource, limit := range limits {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("set limit %d to %d: %w", resource, limit, err)
		}
	}
	// Where memory runs out all the same, the kernel should take this process and not the server.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // not there in every container
	return nil
}

// memoryOf is the most memory that a running process has held, and how much it has mapped
// to write to, in bytes; 0 if that cannot be told.
func memoryOf(pid int) (peak, mapped int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	return kibibytes(status, "VmHWM:"), kibibytes(status, "VmData:")
}

func kibibytes(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte(name))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return n << 10
}
