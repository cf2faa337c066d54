package syncer

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"crontopus.dev/crontopus"
)

// readWhole is up to how many jobs a tenant's desired state is read whole each time. That takes
// a few milliseconds, and whatever somebody else wrote is noticed at once.
const readWhole = 500

// memory is the large desired states as this process last read them. A seal vouches for what
// it holds, so that only what was written since has to be read again. Its jobs are shared by all
// who ask, and never changed.
type memory struct {
	store interface {
		DesiredSince(ctx context.Context, tenant crontopus.TenantID, known map[string]int64) (crontopus.DesiredSet, error)
	}
	seals sealKeys

	mu   sync.Mutex
	sets map[crontopus.TenantID]crontopus.DesiredSet
}

func newMemory(opts Options) *memory {
	return &memory{store: opts.Store, seals: newSealKeys(opts.Key, opts.OlderKeys), sets: map[crontopus.TenantID]crontopus.DesiredSet{}}
}

// read returns the desired state of a tenant's sources as it is now, each one's jobs sorted by
// name, and why a state is not what a syncer wrote, by source.
func (m *memory) read(ctx context.Context, tenant crontopus.TenantID) (set crontopus.DesiredSet, broken map[string]error, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, remembered := m.sets[tenant]
	set, broken, err = m.since(ctx, tenant, known)
	if remembered && len(broken) > 0 { // jobs are gone, or what was remembered was not the whole truth
		set, broken, err = m.since(ctx, tenant, crontopus.DesiredSet{})
	}
	delete(m.sets, tenant)
	if err == nil && len(broken) == 0 {
		m.keep(tenant, set)
	}
	return set, broken, err
}

// since reads what was written after known, and puts both together.
func (m *memory) since(ctx context.Context, tenant crontopus.TenantID, known crontopus.DesiredSet) (crontopus.DesiredSet, map[string]error, error) {
	sequences, states := map[string]int64{}, map[string]crontopus.DesiredState{}
	for _, state := range known.States {
		sequences[state.SourceID], states[state.SourceID] = state.Sequence, state
	}
	set, err := m.store.DesiredSince(ctx, tenant, sequences)
	broken := map[string]error{}
	for i := range set.States {
		state := &set.States[i]
		slices.SortFunc(state.Jobs, compareNames) // a database has an order of its own
		was, ok := states[state.SourceID]
		if ok && was.Sequence == state.Sequence && was.Revision == state.Revision && bytes.Equal(was.Seal, state.Seal) {
			state.Jobs = was.Jobs
			continue
		}
		state.Jobs = merge(was.Jobs, crontopus.DesiredDelta{Put: state.Jobs})
		if why := m.seals.verify(tenant, *state); why != nil {
			broken[state.SourceID] = why
		}
	}
	return set, broken, err
}

// wrote remembers a state that this process has just stored.
func (m *memory) wrote(tenant crontopus.TenantID, state crontopus.DesiredState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(tenant, state)
}

// learn remembers a state that another part of this process has just stored, where the tenant's are remembered:
// whoever has forgotten them, or found one broken, is to read them.
func (m *memory) learn(tenant crontopus.TenantID, state crontopus.DesiredState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, remembered := m.sets[tenant]; remembered {
		m.put(tenant, state)
	}
}

func (m *memory) put(tenant crontopus.TenantID, state crontopus.DesiredState) {
	set := m.sets[tenant]
	set.States = slices.DeleteFunc(slices.Clone(set.States), func(s crontopus.DesiredState) bool { return s.SourceID == state.SourceID })
	set.States = append(set.States, state)
	m.keep(tenant, set)
}

// keep remembers a large set.
func (m *memory) keep(tenant crontopus.TenantID, set crontopus.DesiredSet) {
	jobs := 0
	for _, state := range set.States {
		jobs += len(state.Jobs)
	}
	if jobs > readWhole {
		m.sets[tenant] = set
	}
}

// forget makes the next reading of every tenant a whole one, and returns whose set was remembered.
func (m *memory) forget() []crontopus.TenantID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var tenants []crontopus.TenantID
	for tenant := range m.sets {
		tenants = append(tenants, tenant)
	}
	clear(m.sets)
	return tenants
}

func compareNames(a, b crontopus.DesiredJob) int { return a.Job.Name().Compare(b.Job.Name()) }

// findJob is where jobs, sorted by name, have a name, or would have it.
func findJob(jobs []crontopus.DesiredJob, name crontopus.JobName) (int, bool) {
	return slices.BinarySearchFunc(jobs, name, func(j crontopus.DesiredJob, name crontopus.JobName) int { return j.Job.Name().Compare(name) })
}

// merge returns jobs as a delta makes them; both are sorted by name, and stay as they are.
func merge(jobs []crontopus.DesiredJob, delta crontopus.DesiredDelta) []crontopus.DesiredJob {
	if len(jobs) == 0 {
		return delta.Put
	}
	merged := make([]crontopus.DesiredJob, 0, len(jobs)+len(delta.Put))
	put, gone := delta.Put, delta.Gone
	for from := 0; ; {
		// Up to the next name that differs the jobs are taken over as one piece.
		if len(put) == 0 && len(gone) == 0 {
			return append(merged, jobs[from:]...)
		}
		isPut := len(gone) == 0 || len(put) > 0 && put[0].Job.Name().Compare(gone[0]) < 0
		var next crontopus.JobName
		if isPut {
			next = put[0].Job.Name()
		} else {
			next = gone[0]
		}
		at, found := findJob(jobs[from:], next)
		merged = append(merged, jobs[from:from+at]...)
		if from += at; found {
			from++
		}
		if isPut {
			merged, put = append(merged, put[0]), put[1:]
		} else {
			gone = gone[1:]
		}
	}
}
