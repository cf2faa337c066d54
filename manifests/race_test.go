//go:build race

package manifests_test

// slowdown is how much longer code takes under the race detector.
const slowdown = 10
