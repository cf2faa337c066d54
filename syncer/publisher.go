package syncer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/loop"
	"crontopus.dev/crontopus/manifests"
)

const (
	publishBatch = 100         // agents in one transaction
	publishEvery = time.Second // looks for marked agents; Wake does not wait for it
	lookWhole    = time.Minute // between two whole readings of a desired state that is too large to be read whole each time
	publishLease = 5 * time.Second
	publishBytes = 64 << 20    // of envelopes in one transaction, or a single one
	publishPause = time.Minute // for a tenant whose bundles could not be published
)

// Publisher compiles the desired state to one signed bundle for each marked agent.
type Publisher struct {
	Options

	keyID   string    // of Key
	owner   string    // of the lease: this server, since its start
	leased  time.Time // until when nobody else publishes; zero: we do not
	wake    loop.Signal
	memory  *memory
	newest  sequences
	urls    map[string]string                // of sources, by id
	looked  time.Time                        // when large desired states were last read whole
	renewed time.Time                        // when expiring bundles were last looked for
	failed  map[crontopus.TenantID]time.Time // when it last failed for a tenant
}

// NewPublisher makes a Publisher. It starts nothing; Run does.
func NewPublisher(opts Options) (*Publisher, error) {
	opts, err := opts.defaults()
	if err != nil {
		return nil, err
	}
	if len(opts.Key) != ed25519.PrivateKeySize {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "syncer: a publisher needs the signing key")
	}
	id := envelope.KeyID(opts.Key.Public().(ed25519.PublicKey))
	return &Publisher{Options: opts, keyID: id, owner: rand.Text(), memory: newMemory(opts), newest: sequences{}, urls: map[string]string{}, failed: map[crontopus.TenantID]time.Time{}, wake: loop.NewSignal()}, nil
}

// Publisher makes a Publisher to run beside s, which tells it what it writes, so that it need not be read again.
// It is to be made before s runs.
func (s *Syncer) Publisher() (*Publisher, error) {
	p, err := NewPublisher(s.Options)
	if err != nil {
		return nil, err
	}
	s.beside = p.memory
	return p, nil
}

// Wake makes Run look for marked agents now.
func (p *Publisher) Wake() { p.wake.Send() }

// Run publishes for every marked agent until ctx ends, and then returns nil.
func (p *Publisher) Run(ctx context.Context) error {
	l := loop.Loop{Name: "publishing bundles", Interval: publishEvery, Wake: p.wake, Log: p.Log, Step: p.step}
	err := l.Run(ctx)
	if !p.leased.IsZero() {
		_ = p.Store.SystemEndPublisherLease(context.WithoutCancel(ctx), p.owner) // else it ends by itself
	}
	return err
}

// step publishes for everybody who is marked, or leaves that to another server. A tenant for whom
// it fails waits a while, and nobody waits for that tenant.
func (p *Publisher) step(ctx context.Context) error {
	if err := errors.Join(p.renew(ctx), p.look(ctx)); err != nil {
		return err
	}
	for last := ""; ; {
		marks, err := p.Store.SystemMarked(ctx, last, publishBatch)
		if err != nil || len(marks) == 0 {
			return err
		}
		last = marks[len(marks)-1].AgentID
		if mine, err := p.lease(ctx); err != nil || !mine {
			return err
		}
		for tenant, marks := range byTenant(marks) {
			if !past(p.Now(), p.failed[tenant], publishPause) {
				continue
			}
			err := p.publish(ctx, tenant, marks)
			if ctx.Err() != nil || crontopus.ErrorCode(err) == crontopus.CodeUnavailable {
				return err // the database is away, for all
			}
			delete(p.failed, tenant)
			if err != nil {
				p.failed[tenant] = p.Now()
				p.Log.ErrorContext(ctx, "bundles cannot be published", "tenant", tenant, "error", err, "again_in", publishPause)
			}
		}
	}
}

// lease reports whether this server is the one that publishes. It spares the others the work;
// that no generation is used twice is kept by the store, whoever publishes.
func (p *Publisher) lease(ctx context.Context) (mine bool, err error) {
	now := p.Now()
	if left := p.leased.Sub(now); left > publishLease/2 && left <= publishLease {
		return true, nil
	}
	until := now.Add(publishLease)
	switch err := p.Store.SystemLeasePublisher(ctx, p.owner, now, until); {
	case crontopus.ErrorCode(err) == crontopus.CodeConflict:
		p.leased = time.Time{}
		return false, nil
	case err != nil:
		return false, err
	}
	p.leased = until
	return true, nil
}

// renew marks the agents whose bundle is past half of its life.
func (p *Publisher) renew(ctx context.Context) error {
	now := p.Now()
	if !past(now, p.renewed, min(p.BundleLife/20, time.Hour)) {
		return nil
	}
	n, err := p.Store.SystemMarkExpiring(ctx, now.Add(p.BundleLife/2))
	if err != nil {
		return err
	}
	if p.renewed = now; n > 0 {
		p.Log.InfoContext(ctx, "bundles are past half of their life", "agents", n)
	}
	return nil
}

// past reports whether so much time has passed since then. A clock that was set back makes nobody
// wait until it comes there again.
func past(now, then time.Time, d time.Duration) bool {
	gone := now.Sub(then)
	return gone < 0 || gone >= d
}

// look reads large desired states whole now and then: what somebody else wrote cannot become
// a job, because it is not read, and is noticed here.
func (p *Publisher) look(ctx context.Context) error {
	now := p.Now()
	if !past(now, p.looked, lookWhole) {
		return nil
	}
	p.looked = now
	for _, tenant := range p.memory.forget() {
		if _, _, err := p.desired(ctx, tenant); err != nil {
			return err
		}
	}
	return nil
}

// byTenant groups marks and keeps their order.
func byTenant(marks []crontopus.Mark) map[crontopus.TenantID][]crontopus.Mark {
	groups := map[crontopus.TenantID][]crontopus.Mark{}
	for _, m := range marks {
		groups[m.Tenant] = append(groups[m.Tenant], m)
	}
	return groups
}

// publish brings the marked agents' bundles up to date, as many in one transaction as are not
// too large together.
func (p *Publisher) publish(ctx context.Context, tenant crontopus.TenantID, marks []crontopus.Mark) error {
	for len(marks) > 0 {
		n, err := p.publishSome(ctx, tenant, marks)
		if err != nil {
			return err
		}
		marks = marks[n:]
	}
	return nil
}

// publishSome publishes for the first of the marked agents and returns for how many. If the
// desired state moves on meanwhile, nothing is stored, and it compiles again.
func (p *Publisher) publishSome(ctx context.Context, tenant crontopus.TenantID, marks []crontopus.Mark) (n int, err error) {
	begin, spans := time.Now(), p.spans(marks)
	for range maxConflicts {
		// Asked each time: an operator may begin a new epoch while this runs.
		installation, err := p.Store.SystemInstallation(ctx)
		if err != nil {
			return 0, err
		}
		set, refused, err := p.desired(ctx, tenant)
		if err != nil {
			return 0, err
		}
		var pubs []crontopus.Publication
		n = len(marks)
		if !refused { // else the marks are cleared: the sync that mends marks everybody
			pubs, n, err = p.compile(ctx, tenant, installation.Epoch, set, marks, spans)
		}
		if err == nil {
			err = p.Store.CommitPublications(ctx, tenant, set.Sequence, pubs, marks[:n])
		}
		if crontopus.ErrorCode(err) == crontopus.CodeConflict {
			continue
		}
		if err != nil {
			return 0, err
		}
		p.Observer.Published(len(pubs), time.Since(begin))
		p.end(spans, pubs)
		if len(pubs) == 0 {
			return n, nil
		}
		ids := make([]string, len(pubs))
		for i, pub := range pubs {
			ids[i] = pub.AgentID
			p.Log.InfoContext(ctx, "bundle published", "agent", pub.AgentID, "generation", pub.Generation, "jobs", len(pub.Jobs))
		}
		p.OnPublished(tenant, ids)
		return n, nil
	}
	return 0, crontopus.Errorf(crontopus.CodeConflict, "the desired state changed %d times while bundles were compiled", maxConflicts)
}

// compile signs a bundle for each marked agent that needs one, until they are many bytes, and
// returns how many marks that was.
func (p *Publisher) compile(ctx context.Context, tenant crontopus.TenantID, epoch int64,
	set crontopus.DesiredSet, marks []crontopus.Mark, spans spans) (pubs []crontopus.Publication, n int, err error) {
	bytes := 0
	for n < len(marks) && bytes < publishBytes {
		mark := marks[n]
		agent, err := p.Store.SystemAgent(ctx, mark.AgentID)
		n++
		if crontopus.ErrorCode(err) == crontopus.CodeNotFound || err == nil && agent.RevokedAt != nil {
			continue // nobody is left to read a bundle; the mark is cleared with the others
		}
		if err != nil {
			return nil, 0, err
		}
		pub, needed, err := p.bundle(ctx, tenant, epoch, &agent, set)
		if errors.Is(err, envelope.ErrTooLarge) {
			// A sync refuses what is too large by itself. The sources of a tenant together still can be.
			p.Log.ErrorContext(ctx, "an agent's jobs are too large for one bundle; it keeps the last one",
				"tenant", tenant, "agent", agent.Name, "error", err, "hint", "let fewer jobs with long scripts run on it")
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if needed {
			pub.Trace = spans.name(mark)
			pubs = append(pubs, pub)
			bytes += len(pub.Envelope)
		}
	}
	return pubs, n, nil
}

// bundle compiles and signs an agent's bundle, unless the published one says the same, is
// signed by the key of today and is not past half of its life.
func (p *Publisher) bundle(ctx context.Context, tenant crontopus.TenantID, epoch int64, agent *crontopus.Agent,
	set crontopus.DesiredSet) (pub crontopus.Publication, needed bool, err error) {
	was, err := p.Store.Publication(ctx, tenant, agent.ID)
	if err != nil && crontopus.ErrorCode(err) != crontopus.CodeNotFound {
		return pub, false, err
	}
	jobs, revisions, err := p.jobs(ctx, agent, set)
	if err != nil {
		return pub, false, err
	}
	now, digest := p.Now().UTC(), crontopus.JobsDigest(jobs)
	generation := next(was, epoch, digest)
	if generation == was.Generation && was.Expires.Sub(now) > p.BundleLife/2 && envelope.NamesSigner(was.Envelope, p.keyID) {
		return pub, false, nil
	}
	bundle := crontopus.Bundle{
		Tenant: tenant, Agent: agent.ID, Epoch: generation.Epoch, Generation: generation.Number, JobsDigest: digest,
		Issued: now, Expires: now.Add(p.BundleLife), Jobs: jobs, Revisions: revisions,
	}
	payload, err := json.Marshal(bundle)
	if err != nil {
		return pub, false, err
	}
	signed, err := envelope.Sign(crontopus.BundlePayloadType, payload, p.Key)
	if err != nil {
		return pub, false, err
	}
	names := make([]crontopus.JobName, len(jobs))
	for i := range jobs {
		names[i] = jobs[i].Name()
	}
	return crontopus.Publication{
		Tenant: tenant, AgentID: agent.ID, Generation: generation, JobsDigest: digest, Jobs: names,
		Envelope: signed, Issued: bundle.Issued, Expires: bundle.Expires,
	}, true, nil
}

// jobs compiles an agent's jobs, each with the URL of its source, which never changes.
func (p *Publisher) jobs(ctx context.Context, agent *crontopus.Agent, set crontopus.DesiredSet) ([]crontopus.Job, map[string]string, error) {
	var failed error
	jobs, revisions := manifests.CompileBundle(agent, set.Jobs(), func(id string) string {
		if _, known := p.urls[id]; !known && failed == nil {
			source, err := p.Store.SystemSource(ctx, id)
			if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
				err = crontopus.Errorf(crontopus.CodeConflict, "source %s was removed meanwhile", id)
			}
			if failed = err; err == nil {
				p.urls[id] = source.URL
			}
		}
		return p.urls[id]
	})
	return jobs, revisions, failed
}

// next is the generation of jobs with that digest: the published one as long as they are the
// same, else one more; from 1 in a new epoch, and for the first bundle.
func next(was crontopus.Publication, epoch int64, digest string) crontopus.Generation {
	switch g := was.Generation; {
	case g.Epoch != epoch || g.Number == 0:
		return crontopus.Generation{Epoch: epoch, Number: 1}
	case was.JobsDigest == digest:
		return g
	default:
		return crontopus.Generation{Epoch: epoch, Number: g.Number + 1}
	}
}
