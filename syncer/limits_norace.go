//go:build !race

package syncer

const defaultMemory = 300 << 20
