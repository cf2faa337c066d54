package cli

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
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
	s := &seldom{percent: debug.SetGCPercent(shortLivedGC), limit: debug.SetMemoryLimit(shortLivedMemory)}
	s.watch()
	return s.restore
}

// seldom is how the collector was set, and whether it is set back.
type seldom struct {
	mu      sync.Mutex
	done    bool
	percent int
	limit   int64
}

// watch looks after each collection, which is when what nobody holds is cleaned up, at how
// much is in use. Where that comes near the limit, the collector would do nothing else any
// more: the limit is given up, and memory grows with what is read.
func (s *seldom) watch() {
	runtime.AddCleanup(new([16]byte), func(s *seldom) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.done:
		case inUse() < shortLivedMemory*3/4:
			s.watch()
		default:
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
		}
	}, s)
}

func (s *seldom) restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	debug.SetGCPercent(s.percent)
	debug.SetMemoryLimit(s.limit)
}

// inUse is what the last collection found in use, in bytes.
func inUse() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}
