//go:build !race

package syncer

const instrumented = false
