//go:build !linux

package agent

import "time"

var agentStart = time.Now()

// kernelUptime is since this process was started; that the host slept is not told here.
func kernelUptime() (total, awake time.Duration) {
	up := time.Since(agentStart)
	return up, up
}
