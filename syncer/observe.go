package syncer

import (
	"time"

	"crontopus.dev/crontopus"
)

// Observer hears what a Syncer and a Publisher have done, for metrics. Its methods are
// called by many at once and must be quick.
type Observer interface {
	// Synced is told of each sync that ended, with the times of all its stages.
	Synced(s crontopus.Sync)
	// Published is told how many bundles a batch of marked agents came to, and how long it
	// took to compile, sign and store them.
	Published(bundles int, took time.Duration)
}

// unobserved is for a Syncer that nobody watches.
type unobserved struct{}

func (unobserved) Synced(crontopus.Sync)        {}
func (unobserved) Published(int, time.Duration) {}
