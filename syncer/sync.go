package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/trace"
)

const (
	maxProblems  = 200 // that a sync keeps
	maxConflicts = 10  // how often the plan is made again because another sync was first
)

// attempt is one sync while it goes on.
type attempt struct {
	*Syncer

	source   crontopus.Source
	sync     crontopus.Sync
	log      *slog.Logger
	parent   string // the span on whose behalf, "" for none
	span     trace.Span
	commit   string // the branch's head
	revision string

	pin       *crontopus.PinStatus // nil: the source follows its branch
	rewritten string               // the commit in force, from which the branch's new history does not lead on
}

// attempt syncs a source once. Whatever Git does ends in FinishSync; an error is the store's.
func (s *Syncer) attempt(ctx context.Context, src crontopus.Source, log *slog.Logger) error {
	a := &attempt{Syncer: s, log: log, sync: crontopus.Sync{
		ID: uuid.Must(uuid.NewV7()).String(), Source: src.Name, Trigger: trigger(src), Started: s.Now().UTC(), Stages: []crontopus.SyncStage{},
	}}
	ctx = logs.With(ctx, slog.String("sync", a.sync.ID))
	if src.RequestedAt != nil {
		a.parent = src.RequestedTrace
	}
	a.span = s.Tracer.Begin(a.parent, "sync", a.sync.Started)
	if id := trace.ID(a.span.Name()); id != "" {
		ctx = logs.With(ctx, slog.String("trace", id))
	}
	var err error
	// Again, now that the request is taken: a suspension or approval before that must be seen.
	if a.source, err = s.Store.SystemSource(ctx, src.ID); err != nil {
		return err
	}
	err = a.run(ctx)
	if f, ok := errors.AsType[*failure](err); ok {
		return a.fail(ctx, f)
	}
	return err
}

// trigger says why the source is due.
func trigger(src crontopus.Source) string {
	if src.RequestedAt == nil {
		return crontopus.TriggerPoll
	}
	return src.RequestedBy
}

func (a *attempt) run(ctx context.Context) error {
	child, l, err := a.fetch(ctx)
	if err != nil {
		return err
	}
	defer child.close()
	a.commit, a.revision = l.Commit.Hash, crontopus.Revision(a.source.Branch, l.Commit.Hash)
	a.sync.Revision = a.revision
	if a.pin = l.Pin; a.pin == nil && a.source.Pinned != "" {
		a.pin = a.source.Status.Pin // the branch is where it was
	}
	if l.Rewritten && a.pin == nil {
		a.rewritten = strings.TrimPrefix(a.source.Status.LastAppliedRevision, crontopus.Revision(a.source.Branch, ""))
		a.log.WarnContext(ctx, "the branch's history was rewritten; it was fetched afresh", "from", a.rewritten, "to", a.commit)
	}
	if l.Unchanged {
		return a.finish(ctx, crontopus.SyncOutcome{}, a.inForce(a.source.Status.LastAppliedRevision, a.source.Status.Jobs))
	}
	root := cleanPath(a.source.Path)
	found, err := a.load(ctx, child, l, root)
	if err != nil {
		return err
	}
	a.stage(ctx, "decode", "files", len(l.Files), "decoded", found.decoded)
	problems := found.check()
	a.stage(ctx, "validate", "jobs", len(found.docs), "problems", len(problems))
	switch {
	case found.links:
		return refused(crontopus.ReasonVerificationFailed, problems)
	case len(problems) > 0:
		return refused(crontopus.ReasonValidationFailed, problems)
	}
	return a.apply(ctx, found, l)
}

// fetch starts the child and reads what it lists.
func (a *attempt) fetch(ctx context.Context) (*fetchChild, *listing, error) {
	secrets, err := a.Store.SourceSecrets(ctx, a.source.Tenant, a.source.ID)
	if errors.Is(err, crontopus.ErrDoesNotOpen) { // jobs stay, and whoever looks is told, instead of a sync that never ends
		return nil, nil, stalled(crontopus.ReasonAuthenticationFailed,
			"the source's credentials were sealed with another keys/box.key than this server has; "+
				"restore that file and sync again, or enter all of them anew: %s", credentialsAnew(a.source.Name))
	}
	if err != nil {
		return nil, nil, err
	}
	settled, err := a.settled(ctx)
	if err != nil {
		return nil, nil, err
	}
	status := a.source.Status
	child, l, err := a.fetcher.start(ctx, fetchRequest{
		Source: a.source.Name, URL: a.source.URL, Branch: a.source.Branch, Path: a.source.Path, Mirror: a.mirror(a.source.ID),
		Username: secrets.Username, Password: secrets.Password, SSHKey: secrets.SSHKey, KnownHosts: secrets.KnownHosts,
		AllowNetworks: a.AllowNetworks, AllowFileSources: a.AllowFileSources,
		Applied: strings.TrimPrefix(status.LastAppliedRevision, crontopus.Revision(a.source.Branch, "")),
		Settled: settled, Pin: a.source.Pinned, Seen: seenHead(a.source),
	})
	if err != nil {
		return nil, nil, err
	}
	a.sync.Stages = append(a.sync.Stages, crontopus.SyncStage{Name: "list", At: l.ListedAt})
	a.stage(ctx, "fetch", "commit", l.Commit.Hash, "downloaded", l.Fetched, "rewritten", l.Rewritten, "files", len(l.Files))
	return child, l, nil
}

// settled reports whether a head that is in force already leaves nothing to do.
func (a *attempt) settled(ctx context.Context) (bool, error) {
	status := a.source.Status
	if status.LastAttemptedRevision != status.LastAppliedRevision || status.HeldPlan != "" || sealBroken(a.source) ||
		status.LimitsDigest != a.source.Limits.Digest() {
		return false, nil
	}
	return a.stillWithin(ctx)
}

// apply makes the plan and brings it into effect, or holds it. It starts over when
// another source's sync was stored between reading and writing.
func (a *attempt) apply(ctx context.Context, found *loaded, l *listing) error {
	for range maxConflicts {
		p, err := a.plan(ctx, found, l)
		if err != nil {
			return err
		}
		a.sync.Added, a.sync.Changed, a.sync.Removed = p.added, p.changed, p.removed
		a.stage(ctx, "plan", "added", p.added, "changed", p.changed, "removed", p.removed, "agents", len(p.mark))
		if p.held != nil && p.held.Digest() != a.source.Approved {
			return a.hold(ctx, p.held)
		}
		v := a.inForce(a.revision, len(p.desired.Jobs))
		v.commit = &l.Commit
		err = a.finish(ctx, crontopus.SyncOutcome{Desired: &p.desired, Delta: &p.delta, Alerting: p.alerting, Rewrite: sealBroken(a.source), Mark: p.mark, AgentsSeq: p.agentsSeq}, v)
		if crontopus.ErrorCode(err) != crontopus.CodeConflict {
			return err
		}
		if a.source, err = a.Store.SystemSource(ctx, a.source.ID); err != nil { // its limits may be others
			return err
		}
	}
	return transient("other sources of the tenant changed the desired state %d times meanwhile", maxConflicts)
}

// hold keeps everything as it is until a person approves the plan.
func (a *attempt) hold(ctx context.Context, plan *crontopus.Plan) error {
	digest := plan.Digest()
	f := stalled(crontopus.ReasonRemovalBlocked, "%s would leave the hosts; look at it, then: crontopus sources approve %s --plan %s",
		count(len(plan.Removed), "entry", "entries"), a.source.Name, digest)
	a.sync.Plan = plan
	return a.finish(ctx, crontopus.SyncOutcome{}, failed(f, digest))
}

// fail keeps the last good revision in force and says why.
func (a *attempt) fail(ctx context.Context, f *failure) error {
	if over := len(f.Problems) - maxProblems; over > 0 {
		f.Problems = f.Problems[:maxProblems]
		f.Message += fmt.Sprintf(" (%d of them are not kept)", over)
	}
	a.sync.Problems = f.Problems
	held := ""
	if !f.ofContent() {
		held = a.source.Status.HeldPlan // still what is to be decided
	}
	return a.finish(ctx, crontopus.SyncOutcome{}, failed(f, held))
}

// finish stores what the sync came to.
func (a *attempt) finish(ctx context.Context, outcome crontopus.SyncOutcome, v verdict) error {
	now := a.Now().UTC()
	a.sync.Reason, a.sync.Message, a.sync.Finished = v.reason, v.message, &now
	if a.rewritten != "" {
		a.sync.Message += "; the branch's history was rewritten: it does not lead on from " + a.rewritten
	}
	outcome.Owner = a.owner
	if a.source.Pinned != "" {
		outcome.Pinned = a.commit
	}
	outcome.Status = v.status(a.source, a.revision, now)
	if a.worthKeeping(v) || outcome.Desired != nil {
		outcome.Sync = a.sync
		outcome.Sync.Stages = append(slices.Clone(a.sync.Stages), crontopus.SyncStage{Name: "commit", At: now})
	}
	if err := a.Store.FinishSync(trace.With(ctx, a.span.Name()), a.source.Tenant, a.source.ID, outcome); err != nil {
		return err
	}
	a.stage(ctx, "commit")
	a.Observer.Synced(a.sync)
	a.traced(v, outcome.Desired != nil)
	level := slog.LevelInfo
	switch {
	case !v.ready:
		level = slog.LevelWarn
	case outcome.Desired == nil:
		level = slog.LevelDebug
	}
	a.log.Log(ctx, level, "sync finished", "reason", v.reason, "message", v.message, "revision", a.revision,
		"problems", len(a.sync.Problems), "took", now.Sub(a.sync.Started), "next", outcome.Status.NextAttemptAt)
	if outcome.Desired != nil {
		stored := *outcome.Desired
		stored.Sequence++
		a.memory.wrote(a.source.Tenant, stored)
		if a.beside != nil {
			a.beside.learn(a.source.Tenant, stored)
		}
		a.OnMarked()
	}
	return nil
}

// worthKeeping: a poll that finds what is known already leaves no trace.
func (a *attempt) worthKeeping(v verdict) bool {
	if a.sync.Trigger != crontopus.TriggerPoll {
		return true
	}
	ready := condition(a.source.Status.Conditions, crontopus.ConditionReady)
	return ready.Reason != v.reason || ready.Message != v.message ||
		a.revision != "" && a.revision != a.source.Status.LastAttemptedRevision
}

// stage notes that a part of the sync is done.
func (a *attempt) stage(ctx context.Context, name string, attributes ...any) {
	now := a.Now().UTC()
	a.sync.Stages = append(a.sync.Stages, crontopus.SyncStage{Name: name, At: now})
	a.log.DebugContext(ctx, "sync stage", append([]any{"stage", name, "since_start", now.Sub(a.sync.Started)}, attributes...)...)
}

// drop ends a source that a person removed: its jobs leave the hosts, and its mirror goes.
func (s *Syncer) drop(ctx context.Context, src crontopus.Source, log *slog.Logger) error {
	set, _, err := s.memory.read(ctx, src.Tenant)
	if err != nil {
		return err
	}
	agents, _, err := s.fleet.read(ctx, src.Tenant)
	if err != nil {
		return err
	}
	state, _ := split(set, src.ID)
	mark := leaving(state.Jobs).concerned(agents)
	if sealBroken(src) {
		mark = everyone(agents)
	}
	if err := s.Store.DropSource(ctx, src.Tenant, src.ID, mark); err != nil {
		return err
	}
	log.InfoContext(ctx, "source removed", "jobs", len(state.Jobs))
	s.OnMarked()
	if err := errors.Join(os.RemoveAll(s.mirror(src.ID)), os.RemoveAll(replacement(s.mirror(src.ID)))); err != nil {
		log.WarnContext(ctx, "the mirror of a removed source stays", "error", err)
	}
	return nil
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
