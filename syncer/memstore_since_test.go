package syncer_test

import (
	"context"
	"slices"

	"crontopus.dev/crontopus"
)

// written is when jobs were written last, and how many were read since.
type written struct {
	at   map[crontopus.JobName]int64 // their source's sequence
	read int
}

// note remembers when the jobs of an outcome were written.
func (w *written) note(o crontopus.SyncOutcome) {
	put := o.Delta.Put
	if o.Rewrite {
		put = o.Desired.Jobs
	}
	for _, job := range put {
		w.at[job.Job.Name()] = o.Desired.Sequence + 1
	}
}

func (m *memStore) DesiredSince(ctx context.Context, tenant crontopus.TenantID, known map[string]int64) (crontopus.DesiredSet, error) {
	set, err := m.DesiredSet(ctx, tenant)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range set.States {
		state := &set.States[i]
		since, isKnown := known[state.SourceID]
		state.Jobs = slices.DeleteFunc(slices.Clone(state.Jobs), func(j crontopus.DesiredJob) bool {
			return isKnown && (since == state.Sequence || m.written.at[j.Job.Name()] <= since)
		})
		for k := range state.Jobs {
			state.Jobs[k].Digest = state.Jobs[k].Job.Digest()
		}
		m.written.read += len(state.Jobs)
	}
	return set, err
}

func (m *memStore) AgentsSince(ctx context.Context, tenant crontopus.TenantID, _ int64) ([]crontopus.Agent, int64, error) {
	return m.AgentsAt(ctx, tenant)
}
