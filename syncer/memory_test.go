package syncer_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/syncer"
)

// crowdSize is more jobs than are read whole each time.
const crowdSize = 600

func crowd(change map[int]string) map[string]string {
	files := map[string]string{}
	for i := range crowdSize {
		text := manifestFor(fmt.Sprintf("job-%03d", i), "one", fmt.Sprintf("{labels: {role: r%d}}", i%20))
		if word, ok := change[i]; ok {
			text = strings.Replace(text, "one", word, 1)
		}
		files[fmt.Sprintf("d%d/job-%03d.yaml", i%10, i)] = text
	}
	return files
}

// crowdedPress has published many jobs to twenty agents.
func crowdedPress(t *testing.T) *press {
	t.Helper()
	p := newPress(t)
	for i := range 20 {
		p.addAgent(fmt.Sprintf("r%d", i), fmt.Sprintf("host-%d", i))
	}
	p.repo.Commit(t, "all", crowd(nil))
	requireState(t, "true Synced", p.sync(t, sourceID))
	p.publisher.Wake()
	p.until(t, func() bool { return len(p.marks) == 0 })
	require.Len(t, p.bundle(t, "id-host-3").Jobs, crowdSize/20)
	return p
}

func TestACommitOfOneFileReadsOneJob(t *testing.T) {
	p := crowdedPress(t)
	before, generation := p.written.read, p.bundle(t, "id-host-3").Generation
	p.repo.Commit(t, "one", map[string]string{"d3/job-003.yaml": crowd(map[int]string{3: "two"})["d3/job-003.yaml"]})
	requireState(t, "true Synced", p.sync(t, sourceID))
	p.memStore.mu.Lock()
	require.Equal(t, []string{"id-host-3"}, slices.Collect(maps.Keys(p.marks)), "nobody else is compiled")
	p.memStore.mu.Unlock()
	p.publisher.Wake()
	p.until(t, func() bool { return len(p.marks) == 0 })
	require.Equal(t, generation+1, p.bundle(t, "id-host-3").Generation)
	require.Contains(t, fmt.Sprint(p.bundle(t, "id-host-3").Jobs), "two")
	require.Equal(t, before+1, p.written.read, "by the publisher; the syncer has written it itself")
	require.Equal(t, 1, p.lastSync(t).Changed)
}

// A publisher is told by the syncer beside it, and reads what it was not told.
func TestThePublisherBesideASyncerReadsNothingOfWhatThatWrote(t *testing.T) {
	p := crowdedPress(t)
	p.stopPress()
	p.stop()
	told := make(chan struct{}, 1)
	p.opts.OnMarked = func() { told <- struct{}{} }
	var err error
	p.syncer, err = syncer.New(p.opts)
	require.NoError(t, err)
	beside, err := p.syncer.Publisher()
	require.NoError(t, err)
	running(t, p.syncer.Run)
	publish := func() {
		stop := running(t, beside.Run)
		p.until(t, func() bool { return len(p.marks) == 0 })
		stop()
	}
	p.memStore.mu.Lock()
	p.mark(tenant, []string{"id-host-3"})
	p.memStore.mu.Unlock()
	publish() // it has read all
	before := p.written.read
	p.repo.Commit(t, "one", map[string]string{"d3/job-003.yaml": crowd(map[int]string{3: "two"})["d3/job-003.yaml"]})
	requireState(t, "true Synced", p.sync(t, sourceID))
	<-told
	require.Equal(t, crowdSize, p.written.read-before, "by the syncer, which is new")
	publish()
	require.Contains(t, fmt.Sprint(p.bundle(t, "id-host-3").Jobs), "two")
	require.Equal(t, crowdSize, p.written.read-before)
}

// The seal tells what is gone: it fits nothing that is remembered, and all is read again.
func TestAJobThatIsGoneLeavesItsHostsThoughItWasRemembered(t *testing.T) {
	p := crowdedPress(t)
	p.repo.Commit(t, "remove", map[string]string{"d3/job-003.yaml": gittest.Delete})
	requireState(t, "true Synced", p.sync(t, sourceID))
	p.publisher.Wake()
	p.until(t, func() bool { return len(p.marks) == 0 })
	require.Len(t, p.bundle(t, "id-host-3").Jobs, crowdSize/20-1)
	require.Len(t, p.jobs(sourceID), crowdSize-1)
	requireState(t, "true Synced", p.status(sourceID))
}

// Of a state that is too large to be read whole each time, what somebody else wrote never
// becomes a job, and is reported within a minute.
func TestWhatSomebodyWroteIntoALargeStateIsNotPublishedAndFound(t *testing.T) {
	p := crowdedPress(t)
	before := p.bundle(t, "id-host-3")
	p.memStore.mu.Lock()
	state := p.states[sourceID]
	state.Jobs = slices.Clone(state.Jobs)
	for i := range state.Jobs {
		state.Jobs[i].Job.Spec.Run.Command = []string{"/bin/evil"}
		state.Jobs[i].Digest = state.Jobs[i].Job.Digest()
	}
	p.states[sourceID] = state
	p.memStore.mu.Unlock()

	p.markAll(t, "id-host-3")
	require.Equal(t, before, p.bundle(t, "id-host-3"))
	p.addAgent("r3", "late")
	p.markAll(t, "id-late")
	require.Equal(t, before.Jobs, p.bundle(t, "id-late").Jobs, "a host that is new gets what Git said")

	p.advance(time.Minute)
	p.publisher.Wake()
	p.until(t, func() bool { state, _ := ready(p.sources[sourceID].Status); return state == "false SealBroken" })
	p.markAll(t, "id-host-3")
	require.Equal(t, before, p.bundle(t, "id-host-3"), "the last good one stays")

	requireState(t, "true Synced", p.sync(t, sourceID))
	p.publisher.Wake()
	p.until(t, func() bool { return len(p.marks) == 0 })
	require.Equal(t, before.JobsDigest, p.bundle(t, "id-host-3").JobsDigest)
	requireState(t, "true Synced", p.status(sourceID))
}

// Another server synced meanwhile: what this one remembers is not the newest.
func TestASyncStartsFromWhatAnotherServerWrote(t *testing.T) {
	p := crowdedPress(t)
	p.stop()
	p.start(t) // remembers nothing
	p.repo.Commit(t, "two", crowd(map[int]string{4: "two", 5: "two"}))
	requireState(t, "true Synced", p.sync(t, sourceID))
	require.Equal(t, 2, p.lastSync(t).Changed)
	stale := p.syncer
	p.stop()
	p.start(t)
	p.repo.Commit(t, "three", crowd(map[int]string{4: "two", 5: "two", 6: "three"}))
	requireState(t, "true Synced", p.sync(t, sourceID))
	require.Equal(t, 1, p.lastSync(t).Changed)
	p.stop()

	p.repo.Commit(t, "four", crowd(map[int]string{4: "two", 5: "two", 6: "three", 7: "four"}))
	running(t, stale.Run)
	p.syncer = stale
	requireState(t, "true Synced", p.sync(t, sourceID))
	require.Equal(t, 1, p.lastSync(t).Changed, "it has read what the other wrote")
}
