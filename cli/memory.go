package cli

import (
	"os"
	"runtime/debug"
)

// A command that reads much and ends soon collects garbage seldom, and at the latest when it
// needs this much memory.
const (
	shortLivedGC     = 400
	shortLivedMemory = 64 << 20
)

// collectSeldom sets the garbage collector for a command that ends soon, unless the
// environment says how it is to be. What it returns sets it back.
func collectSeldom() (restore func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(shortLivedGC), debug.SetMemoryLimit(shortLivedMemory)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
