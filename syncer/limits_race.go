//go:build race

package syncer

// defaultMemory is none: the race detector's shadow of the memory is many times what the
// program uses.
const defaultMemory = 1 << 60
