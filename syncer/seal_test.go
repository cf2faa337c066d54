package syncer_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// Somebody who can write to the database, and holds no key, tries to make a host run
// something else. Each time the published bundle stays, the source says why, and a sync of the
// unchanged repository puts everything right.
func TestDesiredStateThatTheSyncerDidNotWriteIsRefused(t *testing.T) {
	evil := crontopus.DesiredJob{Job: crontopus.Job{Metadata: crontopus.Metadata{Name: "evil", Namespace: "test"}}, SourceID: sourceID, Path: "a.yaml", Line: 1}
	evil.Job.Spec.Run.Command = []string{"/bin/evil"}
	evil.Digest = evil.Job.Digest()
	for name, harm := range map[string]func(p *press, s *crontopus.DesiredState){
		"a job's body": func(_ *press, s *crontopus.DesiredState) { s.Jobs[0].Job.Spec.Run.Command = []string{"/bin/evil"} },
		"a job's body and digest": func(_ *press, s *crontopus.DesiredState) {
			s.Jobs[0].Job.Spec.Run.Command = []string{"/bin/evil"}
			s.Jobs[0].Digest = s.Jobs[0].Job.Digest()
		},
		"a job more":       func(_ *press, s *crontopus.DesiredState) { s.Jobs = append(s.Jobs, evil) },
		"a job less":       func(_ *press, s *crontopus.DesiredState) { s.Jobs = s.Jobs[:1] },
		"a job's file":     func(_ *press, s *crontopus.DesiredState) { s.Jobs[0].Path = "other.yaml" },
		"a job's line":     func(_ *press, s *crontopus.DesiredState) { s.Jobs[0].Line++ },
		"a job's revision": func(_ *press, s *crontopus.DesiredState) { s.Jobs[0].Revision = "main@sha1:0" },
		"a job's commit":   func(_ *press, s *crontopus.DesiredState) { s.Jobs[0].Commit.Hash = "0" },
		"a job's source":   func(_ *press, s *crontopus.DesiredState) { s.Jobs[0].SourceID = "src-2" },
		"the revision":     func(_ *press, s *crontopus.DesiredState) { s.Revision = "main@sha1:0" },
		"the sequence":     func(_ *press, s *crontopus.DesiredState) { s.Sequence++ },
		"another's seal":   func(p *press, s *crontopus.DesiredState) { s.Seal = p.states["src-2"].Seal },
		"an older state":   func(p *press, s *crontopus.DesiredState) { *s = p.older },
	} {
		t.Run(name, func(t *testing.T) {
			p := sealedPress(t)
			before := p.bundle(t, "id-db-01")
			p.memStore.mu.Lock()
			state := p.states[sourceID]
			state.Jobs = slices.Clone(state.Jobs)
			harm(p, &state)
			p.states[sourceID] = state
			p.memStore.mu.Unlock()
			p.refusedThenMended(t, before)
		})
	}
	t.Run("the state is gone", func(t *testing.T) {
		p := sealedPress(t)
		before := p.bundle(t, "id-db-01")
		p.memStore.mu.Lock()
		delete(p.states, sourceID)
		p.memStore.mu.Unlock()
		p.refusedThenMended(t, before)
	})
}

// sealedPress has published two jobs of one source and one of another.
func sealedPress(t *testing.T) *press {
	t.Helper()
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.addSource("src-2", p.server.URL, "more")
	p.repo.Commit(t, "first", map[string]string{"jobs/a.yaml": manifest("a", "zero"), "jobs/b.yaml": manifest("b", "zero"), "more/c.yaml": manifest("c", "one")})
	p.memStore.mu.Lock()
	p.sources[sourceID].Path = "jobs"
	p.memStore.mu.Unlock()
	p.syncer.Wake()
	requireState(t, "true Synced", p.sync(t, sourceID))
	p.older = p.states[sourceID]
	p.repo.Commit(t, "second", map[string]string{"jobs/a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", p.sync(t, sourceID))
	requireState(t, "true Synced", p.sync(t, "src-2"))
	p.markAll(t, "id-db-01")
	require.Len(t, p.bundle(t, "id-db-01").Jobs, 3)
	return p
}

func (p *press) refusedThenMended(t *testing.T, before crontopus.Bundle) {
	t.Helper()
	p.markAll(t, "id-db-01")
	require.Equal(t, before, p.bundle(t, "id-db-01"), "the last good one stays")
	status := p.status(sourceID)
	require.Contains(t, requireState(t, "false SealBroken", status), "crontopus sources sync name-of-src-1")
	stalled, _ := stateOf(status, crontopus.ConditionStalled)
	require.Equal(t, "true SealBroken", stalled)

	requireState(t, "true Synced", p.sync(t, sourceID))
	p.memStore.mu.Lock()
	require.Contains(t, p.marks, "id-db-01", "whoever was refused meanwhile is compiled again")
	p.memStore.mu.Unlock()
	p.markAll(t, "id-db-01")
	require.Equal(t, before.JobsDigest, p.bundle(t, "id-db-01").JobsDigest)
	requireState(t, "true Synced", p.status(sourceID))
}

// What was stored before seals were, or sealed with a key that was replaced since, mends by
// itself: nobody has to ask for the sync.
func TestAStateWithoutASealIsSyncedAgain(t *testing.T) {
	for name, seal := range map[string][]byte{"none": nil, "nonsense": []byte("{}")} {
		t.Run(name, func(t *testing.T) {
			p := sealedPress(t)
			before := p.bundle(t, "id-db-01")
			p.memStore.mu.Lock()
			state, syncs := p.states[sourceID], len(p.syncs)
			state.Seal = seal
			p.states[sourceID] = state
			p.memStore.mu.Unlock()
			p.markAll(t, "id-db-01")
			require.Equal(t, before, p.bundle(t, "id-db-01"))
			p.syncer.Wake()
			p.until(t, func() bool { return len(p.syncs) > syncs && len(p.states[sourceID].Seal) > len(seal) })
			requireState(t, "true Synced", p.status(sourceID))
		})
	}
}

func TestASealOutlivesItsKeyWhileTheKeyIsTrusted(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	next := h.opts
	next.Key = ed25519.NewKeyFromSeed([]byte("another seed, of thirty-two byte"))
	old := h.opts.Key.Public().(ed25519.PublicKey)

	h.stop() // it has the old key
	p := startPress(t, h, next, old)
	p.addAgent("db", "db-01")
	p.markAll(t, "id-db-01")
	require.Len(t, h.pubs, 1)
	requireState(t, "true Synced", h.status(sourceID))

	startPress(t, h, next).markAll(t, "id-db-01")
	requireState(t, "false SealBroken", h.status(sourceID))
}
