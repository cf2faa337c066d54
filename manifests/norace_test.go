//go:build !race

package manifests_test

const slowdown = 1
