//go:build !linux

package syncer

// tellKernel has nothing to add where limits are the collector's and the parent's alone.
func (FetchLimits) tellKernel() error { return nil }

// memoryOf cannot be told here; the collector's limit is what holds the child.
func memoryOf(int) (peak, mapped int64) { return 0, 0 }
