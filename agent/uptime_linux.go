package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// kernelUptime is since the host was started (clock_gettime(2)).
func kernelUptime() (total, awake time.Duration) {
	var sinceBoot, running unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &sinceBoot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &running) != nil {
		return 0, 0 // and nothing is noticed
	}
	return time.Duration(sinceBoot.Nano()), time.Duration(running.Nano())
}
