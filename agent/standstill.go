package agent

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

const (
	tickEvery = 15 * time.Second // how often a daemon looks whether time went on without it
	stoodFor  = time.Minute      // a host under load lets a process wait, but not so long
)

// standstill notices that a daemon got no time to run: its host slept, or somebody suspended its process. What was
// due meanwhile did not start, or started without it, and nobody but it can say so. The reporter's lock guards it.
type standstill struct {
	up           func() (total, awake time.Duration) // see DaemonOptions; a clock that is set changes neither
	total, awake time.Duration                       // at the last look
	at           time.Time                           // of the last look, by the host's clock; zero before the first
}

// look notes in host what happened since the last look, and reports whether that is news.
func (s *standstill) look(now time.Time, host *crontopus.HostHealth) (news bool) {
	before := *s
	s.total, s.awake = s.up()
	s.at = now
	awake, slept, since := s.awake-before.awake, s.total-before.total-(s.awake-before.awake), before.at.UTC()
	switch {
	case before.at.IsZero():
		return false
	case slept >= stoodFor:
		host.Slept = &crontopus.Outage{Since: since, Until: now.UTC(), Why: "the host slept"}
		return true
	case awake >= tickEvery+stoodFor:
		host.Suspended = &crontopus.Outage{Since: since, Until: now.UTC(), Why: "the agent's process got no time to run"}
		return true
	}
	return false
}

// watchTime looks until ctx ends.
func (r *reporter) watchTime(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		now := r.now()
		r.mu.Lock()
		news := r.health.still.look(now, &r.health.host)
		r.mu.Unlock()
		if news {
			r.wake.Send()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
