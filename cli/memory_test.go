package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func limitOfMemory() int64 { return debug.SetMemoryLimit(-1) }

// Not in parallel: the collector is the whole process's.
func TestMemoryIsLimitedUntilMoreThanThatIsInUse(t *testing.T) {
	t.Setenv("GOGC", "") // as without it
	t.Setenv("GOMEMLIMIT", "")
	before := limitOfMemory()
	restore := collectSeldom()
	defer restore()
	runtime.GC()
	require.EqualValues(t, shortLivedMemory, limitOfMemory())

	// Beneath what is in use the collector would only ever collect.
	held := make([]byte, shortLivedMemory)
	for limitOfMemory() != math.MaxInt64 {
		runtime.GC()
	}
	runtime.KeepAlive(held)
	require.Equal(t, 100, debug.SetGCPercent(100))

	restore()
	require.Equal(t, before, limitOfMemory())
}

func TestWhoSaysHowToCollectIsNotOverruled(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	before := limitOfMemory()
	defer collectSeldom()()
	require.Equal(t, before, limitOfMemory())
}
