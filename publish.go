package crontopus

import (
	"iter"
	"slices"
	"time"
)

// DesiredSet is the desired state of all of a tenant's sources at one moment. Sequence
// grows by one with every change to any of them, so a publisher can see that what it
// compiled from is no longer the newest.
type DesiredSet struct {
	Sequence int64
	States   []DesiredState
}

// Jobs are those of all states, in no order.
func (s DesiredSet) Jobs() iter.Seq[*DesiredJob] {
	return func(yield func(*DesiredJob) bool) {
		for _, state := range s.States {
			for i := range state.Jobs {
				if !yield(&state.Jobs[i]) {
					return
				}
			}
		}
	}
}

// SyncOutcome is what one sync writes, in one transaction.
type SyncOutcome struct {
	Sync      Sync // without an ID it is not kept: a poll that found nothing new
	Status    SourceStatus
	Desired   *DesiredState     // nil: the last good one stays; Sequence is the one that was read
	Mark      []string          // ids of the agents whose bundle may change
	Owner     string            // that began the sync
	Pinned    string            // the whole hash of the commit that the source is pinned to, if it was found
	Delta     *DesiredDelta     // how Desired differs from what was read; nil: the store compares every row
	Rewrite   bool              // Desired replaces every row, because those that are stored are not to be trusted
	Alerting  []DesiredAlerting // with Desired: all that the source says of alerting
	AgentsSeq int64             // the agents' sequence that Mark was made from; agents changed since are marked too
}

// DesiredDelta is how one source's desired state differs from the one before.
type DesiredDelta struct {
	Put  []DesiredJob // new, or not as before
	Gone []JobName
}

// Names are those of all jobs that it is about.
func (d *DesiredDelta) Names() []JobName {
	names := slices.Clone(d.Gone)
	for i := range d.Put {
		names = append(names, d.Put[i].Job.Name())
	}
	return names
}

// Mark asks the publisher to compile an agent's bundle again. Version grows each time
// the agent is marked, so that a mark set meanwhile is not lost.
type Mark struct {
	Tenant  TenantID
	AgentID string
	Version int64
	Trace   string // the span on whose behalf, "" for none
}

// Publication is one signed bundle as the store keeps it: the newest for its agent.
type Publication struct {
	Tenant     TenantID
	AgentID    string
	Generation Generation
	JobsDigest string
	Jobs       []JobName // what the agent may check in for, now and later
	Envelope   []byte    // the DSSE envelope's JSON
	Issued     time.Time
	Expires    time.Time
	Trace      string // the span in which it was compiled, "" for none
}

// Heartbeat is what rides along with an agent's poll.
type Heartbeat struct {
	Tenant       TenantID
	AgentID      string
	At           time.Time
	SpoolDrained *time.Time
}
