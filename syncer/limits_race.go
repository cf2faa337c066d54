//go:build race

package syncer

// instrumented: the race detector's shadow of the memory is many times what the program uses,
// so memory is not limited.
const instrumented = true
