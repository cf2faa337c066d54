package syncer_test

import (
	"crypto/ed25519"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/syncer"
)

// press is a running publisher and the clock that it reads.
type press struct {
	*house

	publisher *syncer.Publisher
	published chan []string
	older     crontopus.DesiredState // that was in force before the one that is
	mu        sync.Mutex
	now       time.Time
}

func newPress(t *testing.T) *press {
	t.Helper()
	h := newHouse(t)
	return startPress(t, h, h.opts)
}

// startPress runs a publisher that trusts the seals of older keys too; it ends when another
// one of the house starts, or with the test.
func startPress(t *testing.T, h *house, opts syncer.Options, older ...ed25519.PublicKey) *press {
	t.Helper()
	if h.stopPress != nil {
		h.stopPress()
	}
	p := &press{house: h, published: make(chan []string, 100), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	opts.OlderKeys = older
	opts.OnPublished = func(_ crontopus.TenantID, ids []string) { p.published <- ids }
	opts.Now = func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.now
	}
	var err error
	p.publisher, err = syncer.NewPublisher(opts)
	require.NoError(t, err)
	h.stopPress = running(t, p.publisher.Run)
	return p
}

func (p *press) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// markAll marks agents and waits until no mark is left.
func (p *press) markAll(t *testing.T, ids ...string) {
	t.Helper()
	p.memStore.mu.Lock()
	p.mark(tenant, ids)
	p.memStore.mu.Unlock()
	p.publisher.Wake()
	p.until(t, func() bool { return len(p.marks) == 0 })
}

// bundle opens what is published for an agent.
func (p *press) bundle(t *testing.T, id string) crontopus.Bundle {
	t.Helper()
	pub, err := p.Publication(t.Context(), tenant, id)
	require.NoError(t, err)
	public := p.opts.Key.Public().(ed25519.PublicKey)
	payload, _, err := envelope.Verify(pub.Envelope, crontopus.BundlePayloadType, map[string]ed25519.PublicKey{envelope.KeyID(public): public})
	require.NoError(t, err)
	var b crontopus.Bundle
	require.NoError(t, json.Unmarshal(payload, &b))
	require.Equal(t, pub.Generation, b.Gen())
	require.Equal(t, pub.JobsDigest, b.JobsDigest)
	require.Equal(t, b.JobsDigest, crontopus.JobsDigest(b.Jobs))
	return b
}

func TestAnAgentWithoutJobsGetsAnEmptyBundle(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.markAll(t, "id-db-01")
	b := p.bundle(t, "id-db-01")
	require.Equal(t, crontopus.Generation{Epoch: 1, Number: 1}, b.Gen())
	require.Equal(t, "id-db-01", b.Agent)
	require.NotNil(t, b.Jobs)
	require.Empty(t, b.Jobs)
	require.Equal(t, 14*24*time.Hour, b.Expires.Sub(b.Issued))
	require.Equal(t, []string{"id-db-01"}, <-p.published)
}

func TestGenerationsFollowTheJobs(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.addAgent("web", "web-01")
	p.repo.Commit(t, "first", map[string]string{"a.yaml": manifestFor("a", "one", "{labels: {role: db}}")})
	p.sync(t, sourceID)
	p.markAll(t, "id-db-01", "id-web-01")
	b := p.bundle(t, "id-db-01")
	require.Len(t, b.Jobs, 1)
	require.Equal(t, p.server.URL, b.Jobs[0].Source)
	require.Equal(t, crontopus.Revision("main", p.repo.Head(t)), b.Revisions["test/a"])
	require.Empty(t, p.bundle(t, "id-web-01").Jobs)

	p.markAll(t, "id-db-01")
	require.EqualValues(t, 1, p.bundle(t, "id-db-01").Generation, "the same jobs are the same generation")

	p.repo.Commit(t, "second", map[string]string{"a.yaml": manifestFor("a", "two", "{labels: {role: web}}")})
	p.sync(t, sourceID) // held: nothing is left on db; so both
	p.approve(sourceID, p.status(sourceID).HeldPlan)
	p.sync(t, sourceID)
	p.markAll(t, "id-db-01", "id-web-01")
	require.EqualValues(t, 2, p.bundle(t, "id-db-01").Generation)
	require.Empty(t, p.bundle(t, "id-db-01").Jobs)
	require.EqualValues(t, 2, p.bundle(t, "id-web-01").Generation)
}

func TestPastHalfOfItsLifeABundleIsSignedAfresh(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.markAll(t, "id-db-01")
	first := p.bundle(t, "id-db-01")

	p.advance(6 * 24 * time.Hour)
	p.markAll(t, "id-db-01")
	require.Equal(t, first, p.bundle(t, "id-db-01"), "not yet")

	p.advance(2 * 24 * time.Hour)
	p.publisher.Wake() // nobody marks it
	p.until(t, func() bool { return p.pubs["id-db-01"].Issued.After(first.Issued) })
	fresh := p.bundle(t, "id-db-01")
	require.Equal(t, first.Gen(), fresh.Gen())
	require.True(t, fresh.Expires.After(first.Expires))
}

func TestABundleThatAnotherKeySignedIsSignedAfresh(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.markAll(t, "id-db-01")
	first := p.bundle(t, "id-db-01")
	p.memStore.mu.Lock()
	pub := p.pubs["id-db-01"]
	_, old, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	pub.Envelope, err = envelope.Sign(crontopus.BundlePayloadType, []byte("{}"), old)
	require.NoError(t, err)
	p.pubs["id-db-01"] = pub
	p.memStore.mu.Unlock()
	p.markAll(t, "id-db-01")
	again := p.bundle(t, "id-db-01") // which fails unless the key of today signed it
	require.Equal(t, first.Gen(), again.Gen(), "the jobs are the same")
}

func TestARevokedAgentGetsNothing(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	now := time.Now()
	p.agents[0].RevokedAt = &now
	p.markAll(t, "id-db-01", "id-nobody")
	require.Empty(t, p.pubs)
}

// An operator raises the epoch beside a running publisher.
func TestANewEpochStartsOver(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.memStore.mu.Lock()
	p.pubs["id-db-01"] = crontopus.Publication{AgentID: "id-db-01", Generation: crontopus.Generation{Epoch: 1, Number: 41},
		JobsDigest: crontopus.JobsDigest(nil)}
	p.memStore.mu.Unlock()
	p.markAll(t, "id-db-01")
	require.EqualValues(t, 41, p.pubs["id-db-01"].Generation.Number, "the same jobs")

	p.memStore.mu.Lock()
	p.epoch = 7
	p.memStore.mu.Unlock()
	p.markAll(t, "id-db-01")
	b := p.bundle(t, "id-db-01")
	require.Equal(t, crontopus.Generation{Epoch: 7, Number: 1}, b.Gen())
}

func TestAConflictIsCompiledAgain(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	conflicts := 2
	p.memStore.mu.Lock()
	p.fault = func(call string) error {
		if call == "publish" && conflicts > 0 {
			conflicts--
			return conflict()
		}
		return nil
	}
	p.memStore.mu.Unlock()
	p.markAll(t, "id-db-01")
	require.EqualValues(t, 1, p.bundle(t, "id-db-01").Generation)
}

func TestAPublisherNeedsItsKey(t *testing.T) {
	_, err := syncer.NewPublisher(syncer.Options{Store: newMemStore(), DataDir: t.TempDir()})
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
	_, err = syncer.New(syncer.Options{})
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
}
