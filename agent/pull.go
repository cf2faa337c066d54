package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const (
	// pollWait is how long the server may hold a poll until it has another bundle.
	pollWait = 50 * time.Second
	// pollPause keeps a server that answers every poll at once from being asked all the time.
	pollPause = 2 * time.Second
	// outcastPause is between two polls of an agent that the server does not know any more.
	outcastPause = 5 * time.Minute
)

// Poller is the server as a puller sees it; *client.Client is one.
type Poller interface {
	// Bundle returns the agent's envelope, and its tag, if it is another than etag's: at once, or
	// when there is one within wait.
	Bundle(ctx context.Context, etag string, wait time.Duration, spoolDrained time.Time) (raw []byte, newETag string, changed bool, err error)
	// KeySetVersion is that of the server's newest key set, as Bundle's last answer told.
	KeySetVersion() crontopus.KeySetVersion
	// KeyStatements returns the statements that lead to it.
	KeyStatements(ctx context.Context) ([][]byte, error)
}

// puller keeps the stored bundle the newest that the server has and that may be accepted.
type puller struct {
	state      State
	gate       Gate
	id         *Identity
	server     Poller
	policy     func() (*Policy, error)
	drained    func() time.Time                            // up to when every check-in has been delivered
	judged     func(*crontopus.Bundle, *crontopus.Refusal) // called with what was accepted, or why it was not
	reachable  func(error)                                 // called after each poll with what it ended with
	reloadKey  func(context.Context) (bool, error)
	version    string        // this program's
	retryAfter time.Duration // when a refused bundle is looked at again: policies and clocks change
	now        func() time.Time
	log        *slog.Logger
	again      loop.Signal // polls at once

	retry     atomic.Bool // a person asks: look at a refused bundle again
	etag      string
	newest    edition                 // that was accepted
	refusedAt time.Time               // zero unless the server's newest was refused
	failed    bool                    // the last poll was not answered
	verified  os.FileInfo             // the bundle's file when it was last read and found good
	distrusts crontopus.KeySetVersion // the server's newest key set, if it was refused
}

// edition is one signing of a bundle.
type edition struct {
	generation crontopus.Generation
	expires    time.Time
}

// Run polls until ctx ends.
func (p *puller) Run(ctx context.Context) error {
	l := loop.Loop{
		Name: "polling the server", Interval: pollPause, Wake: p.again, Log: p.log, Step: p.poll,
		Backoff: loop.Backoff{Min: 500 * time.Millisecond, Max: 20 * time.Second},
	}
	return l.Run(ctx)
}

// poll asks once. A changed bundle is decided about, and remembered by its tag either
// way, so that a bad one is not fetched over and over.
func (p *puller) poll(ctx context.Context) error {
	if p.stale() {
		p.etag = ""
	}
	wait := pollWait
	if p.failed {
		wait = 0 // to learn at once that the server is back: what waits to be told depends on it
	}
	begin := p.now()
	raw, etag, changed, err := p.server.Bundle(ctx, p.etag, wait, p.drained())
	p.failed = err != nil
	p.reachable(err)
	if crontopus.ErrorCode(err) == crontopus.CodeUnauthorized {
		return p.outcast(ctx, err)
	}
	if err == nil {
		err = p.followKeys(ctx)
	}
	if err != nil {
		return err
	}
	if !changed {
		if p.now().Sub(begin) < wait {
			// The server stops, and lets all go who wait; they come back one after the other.
			p.pause(ctx, rand.N(2*pollPause))
		}
		p.again.Send()
		return nil
	}
	before := p.newest
	if err := p.decide(ctx, raw); err != nil {
		return err
	}
	p.etag = etag
	if p.newest != before { // else there is nothing to hurry for: a proxy that drops or changes tags makes all look changed
		p.again.Send()
	}
	return nil
}

// stale reports whether the newest bundle has to be fetched although the server may have
// no newer one: ours is lost or damaged, or it is time to look at a refused one again.
func (p *puller) stale() bool {
	if !p.refusedAt.IsZero() {
		return p.retry.Swap(false) || p.now().Sub(p.refusedAt) >= p.retryAfter
	}
	if p.etag == "" {
		return true
	}
	return !p.intact()
}

// intact reports whether the stored bundle is still the good one. It is read only when its file
// has changed since, for this is asked as often as the server is.
func (p *puller) intact() bool {
	file, err := os.Stat(p.state.BundleFile())
	if err == nil && sameContent(file, p.verified) {
		return true
	}
	if _, failed := loadBundle(p.state, p.id); err != nil || failed != nil {
		p.verified = nil
		return false
	}
	p.verified = file
	return true
}

// followKeys takes over the server's newest signing keys, where statements by keys that
// this host trusts lead to them. Ones that cannot be trusted are told once.
func (p *puller) followKeys(ctx context.Context) error {
	newest := p.server.KeySetVersion()
	if newest.Compare(p.id.KeySetVersion) <= 0 || newest == p.distrusts {
		return nil
	}
	statements, err := p.server.KeyStatements(ctx)
	if err != nil {
		return err
	}
	id, err := p.state.Follow(p.id, statements)
	if crontopus.ErrorCode(err) == crontopus.CodeForbidden {
		p.distrusts = newest
		p.refuse(ctx, &crontopus.Refusal{Code: crontopus.RefusedSignature, Message: err.Error()})
	} else if err != nil {
		return err
	}
	if id != p.id {
		p.log.InfoContext(ctx, "the server's signing keys have changed", "keySet", id.KeySetVersion.String(), "keys", len(id.KeySet))
		p.id = id
	}
	return nil
}

func (p *puller) decide(ctx context.Context, raw []byte) error {
	policy, err := p.policy()
	if err != nil {
		p.refuse(ctx, &crontopus.Refusal{Code: crontopus.RefusedPolicy, Message: err.Error()})
		return nil
	}
	if _, damage, _ := p.state.mark(); damage != nil { // what else is wrong with it Accept says
		p.log.WarnContext(ctx, "the mark of the highest generation is not used; the bundle in force is the measure, and it is written anew", "error", damage)
	}
	bundle, refusal, err := p.gate.Accept(p.id, policy, raw, p.now())
	switch {
	case err != nil:
		return err
	case refusal != nil:
		refusal.Message += p.versions(refusal)
		p.refuse(ctx, refusal)
	default:
		if p.id, err = p.state.forgetRetired(p.id); err != nil {
			return err
		}
		p.refusedAt, p.newest, p.verified = time.Time{}, edition{bundle.Gen(), bundle.Expires.UTC()}, p.gate.file
		p.log.InfoContext(ctx, "bundle accepted", "generation", bundle.Gen().String(), "jobs", len(bundle.Jobs), "expires", bundle.Expires)
		p.judged(bundle, nil)
	}
	return nil
}

// versions says that the server may have put something into the bundle that this agent does
// not know yet: a job that it would run by half is not run at all.
func (p *puller) versions(r *crontopus.Refusal) string {
	server, tells := p.server.(interface{ ServerVersion() string })
	if r.Code != crontopus.RefusedMalformed || !tells || server.ServerVersion() == "" || server.ServerVersion() == p.version {
		return ""
	}
	return " (the server is version " + server.ServerVersion() + ", this agent " + p.version + "; update the older one)"
}

func (p *puller) refuse(ctx context.Context, r *crontopus.Refusal) {
	p.refusedAt = p.now()
	p.log.ErrorContext(ctx, "bundle refused; the last good one stays in force",
		"code", r.Code, "generation", r.Generation.String(), "reason", r.Message)
	p.judged(nil, r)
}

// outcast waits before the next attempt: the server does not take this agent's word any
// more. What it was told to run goes on until somebody uninstalls it on the host.
func (p *puller) outcast(ctx context.Context, err error) error {
	if p.reloadKey != nil {
		switch reloaded, failed := p.reloadKey(ctx); {
		case failed != nil && crontopus.ErrorCode(failed) != crontopus.CodeUnauthorized:
			return failed
		case failed == nil && reloaded:
			p.log.InfoContext(ctx, "going on with the host's new key")
			p.again.Send()
			return nil
		}
	}
	p.log.ErrorContext(ctx, "the server does not accept this agent any more; its jobs stay",
		"error", err, "hint", "enroll again after `crontopus-agent uninstall --purge`, which takes the jobs away")
	p.pause(ctx, loop.Jitter(outcastPause))
	return nil
}

// pause waits, unless it is woken.
func (p *puller) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-p.again:
	case <-time.After(d):
	}
}
