package syncer_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// memStore is the part of the store that syncer needs, in memory, with the same rules of
// compare and swap. What stands in the way of a write can be put into fault.
type memStore struct {
	mu       sync.Mutex
	sources  map[string]*crontopus.Source
	secrets  map[string]crontopus.SourceSecrets
	sealed   error // why credentials do not open
	states   map[string]crontopus.DesiredState
	alerting map[string][]crontopus.DesiredAlerting // by source
	epoch    int64
	sequence int64 // of the tenant's desired state
	agents   []crontopus.Agent
	marks    map[string]crontopus.Mark
	leases   map[string]memLease // by source's id; publishing is one of them
	pubs     map[string]crontopus.Publication
	syncs    []crontopus.Sync
	written  written
	begun    int
	finished int

	changed chan struct{}           // closed and replaced at each write
	fault   func(call string) error // before a call takes effect
}

type memLease struct {
	owner string
	until time.Time
}

func newMemStore() *memStore {
	return &memStore{
		leases:  map[string]memLease{},
		epoch:   1,
		written: written{at: map[crontopus.JobName]int64{}},
		sources: map[string]*crontopus.Source{}, secrets: map[string]crontopus.SourceSecrets{},
		states: map[string]crontopus.DesiredState{}, alerting: map[string][]crontopus.DesiredAlerting{}, marks: map[string]crontopus.Mark{},
		pubs: map[string]crontopus.Publication{}, changed: make(chan struct{}),
	}
}

// begin locks the store for one call.
func (m *memStore) begin(call string) (end func(), err error) {
	m.mu.Lock()
	if m.fault != nil {
		if err := m.fault(call); err != nil {
			m.mu.Unlock()
			return nil, err
		}
	}
	return func() {
		close(m.changed)
		m.changed = make(chan struct{})
		m.mu.Unlock()
	}, nil
}

func notFound() error { return crontopus.Errorf(crontopus.CodeNotFound, "no such thing") }

func conflict() error { return crontopus.Errorf(crontopus.CodeConflict, "changed meanwhile") }

func (m *memStore) SystemDueSources(_ context.Context, now time.Time) ([]crontopus.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []crontopus.Source
	for _, id := range slices.Sorted(maps.Keys(m.sources)) {
		s := m.sources[id]
		if until := m.leases[id].until; until.After(now) && !until.After(now.Add(2*time.Minute)) {
			continue
		}
		next := s.Status.NextAttemptAt
		farAhead := now.Add(2*s.Interval.Std() + 30*time.Minute)
		if s.RemovedAt != nil || !s.Suspended && (s.RequestedAt != nil || next != nil && (!next.After(now) || next.After(farAhead))) {
			due = append(due, *s)
		}
	}
	return due, nil
}

func (m *memStore) SystemSource(_ context.Context, id string) (crontopus.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sources[id]; ok {
		return *s, nil
	}
	return crontopus.Source{}, notFound()
}

func (m *memStore) SystemRequestSync(_ context.Context, id, trigger string, now time.Time) error {
	end, err := m.begin("request")
	if err != nil {
		return err
	}
	defer end()
	m.sources[id].RequestedAt, m.sources[id].RequestedBy = &now, trigger
	return nil
}

func (m *memStore) SystemBeginSync(_ context.Context, id, owner string, now time.Time) error {
	end, err := m.begin("begin")
	if err != nil {
		return err
	}
	defer end()
	if held := m.leases[id]; held.owner != owner && held.until.After(now) && !held.until.After(now.Add(2*time.Minute)) {
		return conflict()
	}
	lease := now.Add(time.Minute)
	m.leases[id] = memLease{owner, lease}
	m.sources[id].RequestedAt, m.sources[id].Status.NextAttemptAt = nil, &lease
	m.begun++
	return nil
}

func (m *memStore) SystemRenewLease(_ context.Context, id, owner string, now time.Time) error {
	end, err := m.begin("renew lease")
	if err != nil {
		return err
	}
	defer end()
	if m.leases[id].owner != owner {
		return conflict()
	}
	m.leases[id] = memLease{owner, now.Add(time.Minute)}
	return nil
}

func (m *memStore) SystemAbandonSync(_ context.Context, id, owner string, now time.Time) error {
	end, err := m.begin("abandon")
	if err != nil {
		return err
	}
	defer end()
	if m.leases[id].owner != owner {
		return conflict()
	}
	delete(m.leases, id)
	m.sources[id].RequestedAt, m.sources[id].RequestedBy = &now, crontopus.TriggerWebhook
	return nil
}

func (m *memStore) SourceSecrets(_ context.Context, _ crontopus.TenantID, id string) (crontopus.SourceSecrets, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.secrets[id], m.sealed
}

func (m *memStore) AgentsAt(context.Context, crontopus.TenantID) ([]crontopus.Agent, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.agents), 1, nil
}

func (m *memStore) DesiredSet(context.Context, crontopus.TenantID) (crontopus.DesiredSet, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	set := crontopus.DesiredSet{Sequence: m.sequence}
	for _, id := range slices.Sorted(maps.Keys(m.states)) {
		set.States = append(set.States, m.states[id])
	}
	return set, nil
}

func (m *memStore) DesiredAlerting(context.Context, crontopus.TenantID) (all []crontopus.DesiredAlerting, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.alerting)) {
		all = append(all, m.alerting[id]...)
	}
	return all, nil
}

func (m *memStore) FinishSync(_ context.Context, tenant crontopus.TenantID, id string, o crontopus.SyncOutcome) error {
	end, err := m.begin("finish")
	if err != nil {
		return err
	}
	defer end()
	if m.leases[id].owner != o.Owner {
		return conflict()
	}
	source := m.sources[id]
	if o.Desired != nil {
		if o.Status.LimitsDigest != source.Limits.Digest() {
			return conflict()
		}
		if err := m.writeDesired(*o.Desired); err != nil {
			return err
		}
		m.alerting[id] = o.Alerting
		m.written.note(o)
	}
	if o.Desired != nil || o.Status.HeldPlan != "" && o.Status.HeldPlan != source.Approved {
		source.Approved = ""
	}
	if o.Pinned != "" && strings.HasPrefix(o.Pinned, source.Pinned) && source.Pinned != "" {
		source.Pinned = o.Pinned
	}
	if o.Sync.ID != "" {
		m.syncs = append(m.syncs, o.Sync)
	}
	source.Status = o.Status
	delete(m.leases, id)
	m.finished++
	m.mark(tenant, o.Mark)
	return nil
}

func (m *memStore) writeDesired(d crontopus.DesiredState) error {
	if m.states[d.SourceID].Sequence != d.Sequence {
		return conflict()
	}
	names := map[crontopus.JobName]bool{}
	for id, state := range m.states {
		for _, job := range state.Jobs {
			names[job.Job.Name()] = names[job.Job.Name()] || id != d.SourceID
		}
	}
	for _, job := range d.Jobs {
		if names[job.Job.Name()] {
			return conflict()
		}
	}
	d.Sequence++
	m.states[d.SourceID] = d
	m.sequence++
	return nil
}

func (m *memStore) mark(tenant crontopus.TenantID, ids []string) {
	for _, id := range ids {
		m.marks[id] = crontopus.Mark{Tenant: tenant, AgentID: id, Version: m.marks[id].Version + 1}
	}
}

func (m *memStore) StallSource(_ context.Context, _ crontopus.TenantID, id, reason, message string, now time.Time) error {
	end, err := m.begin("stall")
	if err != nil {
		return err
	}
	defer end()
	source := m.sources[id]
	kept := slices.DeleteFunc(slices.Clone(source.Status.Conditions), func(c crontopus.Condition) bool {
		return c.Type != crontopus.ConditionReconciling
	})
	source.Status.Conditions = append(kept,
		crontopus.Condition{Type: crontopus.ConditionReady, Reason: reason, Message: message, Since: now},
		crontopus.Condition{Type: crontopus.ConditionStalled, Status: true, Reason: reason, Message: message, Since: now})
	return nil
}

func (m *memStore) DropSource(_ context.Context, tenant crontopus.TenantID, id string, mark []string) error {
	end, err := m.begin("drop")
	if err != nil {
		return err
	}
	defer end()
	delete(m.sources, id)
	delete(m.states, id)
	delete(m.alerting, id)
	m.sequence++
	m.mark(tenant, mark)
	return nil
}

func (m *memStore) SystemAgent(_ context.Context, id string) (crontopus.Agent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.agents {
		if a.ID == id {
			return a, nil
		}
	}
	return crontopus.Agent{}, notFound()
}

func (m *memStore) SystemInstallation(context.Context) (crontopus.Installation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return crontopus.Installation{ID: "inst", Epoch: m.epoch}, nil
}

func (m *memStore) SystemMarked(_ context.Context, last string, limit int) ([]crontopus.Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	marks := slices.SortedFunc(maps.Values(m.marks), func(a, b crontopus.Mark) int { return cmp.Compare(a.AgentID, b.AgentID) })
	marks = slices.DeleteFunc(marks, func(mark crontopus.Mark) bool { return mark.AgentID <= last })
	return marks[:min(limit, len(marks))], nil
}

func (m *memStore) SystemMarkExpiring(_ context.Context, before time.Time) (int, error) {
	end, err := m.begin("renew")
	if err != nil {
		return 0, err
	}
	defer end()
	n := 0
	for id, pub := range m.pubs {
		if pub.Expires.Before(before) {
			m.mark(pub.Tenant, []string{id})
			n++
		}
	}
	return n, nil
}

const publishing = "publishing"

func (m *memStore) SystemLeasePublisher(_ context.Context, owner string, now, until time.Time) error {
	end, err := m.begin("lease publisher")
	if err != nil {
		return err
	}
	defer end()
	if held := m.leases[publishing]; held.owner != owner && held.until.After(now) {
		return conflict()
	}
	m.leases[publishing] = memLease{owner, until}
	return nil
}

func (m *memStore) SystemEndPublisherLease(_ context.Context, owner string) error {
	end, err := m.begin("end publisher")
	if err != nil {
		return err
	}
	defer end()
	if m.leases[publishing].owner == owner {
		delete(m.leases, publishing)
	}
	return nil
}

func (m *memStore) Publication(_ context.Context, _ crontopus.TenantID, id string) (crontopus.Publication, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if pub, ok := m.pubs[id]; ok {
		return pub, nil
	}
	return crontopus.Publication{}, notFound()
}

func (m *memStore) CommitPublications(_ context.Context, _ crontopus.TenantID, sequence int64, pubs []crontopus.Publication, done []crontopus.Mark) error {
	end, err := m.begin("publish")
	if err != nil {
		return err
	}
	defer end()
	if sequence != m.sequence {
		return conflict()
	}
	for _, pub := range pubs {
		was := m.pubs[pub.AgentID]
		if step := pub.Generation.Compare(was.Generation); step < 0 || step == 0 && pub.JobsDigest != was.JobsDigest {
			return conflict()
		}
		m.pubs[pub.AgentID] = pub
	}
	for _, mark := range done {
		if m.marks[mark.AgentID].Version == mark.Version {
			delete(m.marks, mark.AgentID)
		}
	}
	return nil
}
