package agent

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/loop"
)

// deliverEvery is how often the spool is looked at for check-ins that runs could not
// deliver themselves.
const deliverEvery = 15 * time.Second

// deliverGap lets the check-ins of many runs of one moment be delivered together: a host on which a
// thousand jobs are due has better things to do than to deliver each by itself.
const deliverGap = 500 * time.Millisecond

// Server is what a daemon asks; *client.Client is one.
type Server interface {
	Poller
	Reporter
	CheckIns(ctx context.Context, checkIns []crontopus.CheckIn) ([]wire.CheckInResult, error)
}

// DaemonOptions are what a daemon is made of.
type DaemonOptions struct {
	State      State
	Identity   *Identity
	Server     Server
	Scheduler  Scheduler
	Spool      *Spool
	PolicyFile string
	Policy     func() (*Policy, error) // what the host allows; nil: PolicyFile says it
	UID        int                     // the agent's own
	Interval   time.Duration           // between two looks for drift
	Version    string
	Uptime     func() (total, awake time.Duration)     // of the host, with and without what it slept; nil: as the kernel tells
	Boot       func() (id string, at time.Time)        // of the running system, zero where it does not say; nil: as the kernel tells
	ReloadKey  func(ctx context.Context) (bool, error) // called when the server does not know this agent; nil: there is nothing to reload
	Rest       func()                                  // called when a look or a report is over and the daemon goes back to sleep; nil: nothing to do
	Now        func() time.Time
	Log        *slog.Logger
}

// Daemon keeps a host's scheduler as its bundle says, and the server informed. Jobs do
// not need it: they run from the scheduler, with the bundle that the daemon stored.
type Daemon struct {
	options    DaemonOptions
	reconciler Reconciler
	puller     *puller
	reporter   *reporter
	denied     []crontopus.Denial       // that the log has; used by look only
	sealed     seal                     // of the jobs that runs find; likewise
	accepted   atomic.Pointer[verified] // a moment ago: need not be read from the disk
	drift      loop.Signal              // reconciles at once
	spooled    loop.Signal              // delivers at once
}

// NewDaemon returns a daemon that Run starts.
func NewDaemon(o DaemonOptions) *Daemon {
	if o.Rest == nil {
		o.Rest = func() {}
	}
	d := &Daemon{
		options:    o,
		reconciler: Reconciler{State: o.State, Scheduler: o.Scheduler, Now: o.Now, Log: o.Log},
		drift:      loop.NewSignal(),
		spooled:    loop.NewSignal(),
	}
	d.reporter = &reporter{
		state: o.State, server: o.Server, reloadKey: o.ReloadKey, hostZone: o.Scheduler.HostZone, rest: o.Rest, now: o.Now, log: o.Log, wake: loop.NewSignal(), online: true,
		report: crontopus.AgentReport{Instance: crontopus.Instance{Name: rand.Text()}, Version: o.Version, Scheduler: o.Scheduler.Name(), Facts: Facts()},
	}
	if cron, ok := o.Scheduler.(interface{ Crontab() crontopus.Crontab }); ok {
		d.reporter.crontab = cron.Crontab // so that a change's crontab can be told before it is one
	}
	d.reporter.health = newHealth(o)
	d.puller = &puller{
		state: o.State, gate: Gate{State: o.State}, id: o.Identity, server: o.Server, policy: d.policy, drained: d.drained,
		judged: d.judged, reachable: d.reachable, reloadKey: o.ReloadKey, version: o.Version, retryAfter: o.Interval, now: o.Now, log: o.Log, again: loop.NewSignal(),
	}
	return d
}

// Wake makes the daemon look for drift at once, and at a bundle that was refused again.
func (d *Daemon) Wake() {
	d.drift.Send()
	d.puller.retry.Store(true)
	d.puller.again.Send()
}

// Run works until ctx ends, and then returns nil. It refuses a state folder that another
// daemon uses.
func (d *Daemon) Run(ctx context.Context) error {
	lock, err := d.options.State.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	d.reporter.resume()
	defer func() { d.options.State.alive(d.options.Now()) }()
	reconcile := loop.Loop{
		Name: "reconciling", Interval: d.options.Interval, Wake: d.drift, Log: d.options.Log, Step: d.reconcile,
		Backoff: loop.Backoff{Min: time.Second, Max: time.Minute},
	}
	deliver := loop.Loop{
		Name: "delivering check-ins", Interval: deliverEvery, Wake: d.spooled, Log: d.options.Log, Step: d.deliver, Gap: deliverGap,
		Backoff: loop.Backoff{Min: time.Second, Max: 20 * time.Second},
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return reconcile.Run(ctx) })
	g.Go(func() error { return d.puller.Run(ctx) })
	g.Go(func() error { return d.reporter.Run(ctx) })
	g.Go(func() error { return d.reporter.watchTime(ctx) })
	g.Go(func() error { return deliver.Run(ctx) })
	if own, ok := d.options.Scheduler.(interface{ Run(context.Context) error }); ok {
		g.Go(func() error { return own.Run(ctx) }) // a scheduler that has nobody else to run it
	}
	return g.Wait()
}

// reconcile is one look at the scheduler, which has the whole bundle in memory.
func (d *Daemon) reconcile(ctx context.Context) error {
	defer d.options.Rest()
	return d.look(ctx)
}

// look brings the scheduler to what the bundle says, and tells what it found. Without a bundle and a policy that can be
// trusted it touches nothing: what runs goes on.
func (d *Daemon) look(ctx context.Context) error {
	found, err := d.bundle()
	out := d.reporter.lastOutcome()
	if err == nil && found.bundle != nil { // else the first one is on its way
		out, err = d.bring(ctx, found.bundle, out)
	}
	d.reporter.reconciled(out, err)
	d.sealJobs(ctx, found)
	if len(out.Denied) > 0 && !slices.Equal(out.Denied, d.denied) { // every look finds them again
		d.options.Log.WarnContext(ctx, "jobs are denied; crontopus-agent status shows all",
			"jobs", len(out.Denied), "first", out.Denied[0].Job.String(), "reason", out.Denied[0].Reason)
	}
	d.denied = out.Denied
	for _, drift := range out.Drift {
		d.options.Log.WarnContext(ctx, "an entry was changed by another hand, and repaired",
			"entry", drift.Entry, "kind", string(drift.Kind), "found", drift.Detail)
	}
	return err
}

// sealJobs spares runs the whole bundle. Where it cannot they take longer, and no harm is done.
func (d *Daemon) sealJobs(ctx context.Context, v verified) {
	if v.bundle == nil || v.unsealable != nil || v.seal == d.sealed {
		return
	}
	if err := d.options.State.sealJobs(v.seal, v.bundle); err != nil {
		d.options.Log.WarnContext(ctx, "the jobs could not be sealed; each run verifies the whole bundle", "error", err)
		return
	}
	d.sealed = v.seal
}

// bundle returns the bundle in force, none if there has been none yet.
func (d *Daemon) bundle() (verified, error) {
	if v := d.accepted.Swap(nil); v != nil {
		return *v, nil
	}
	v, err := d.options.State.verify()
	if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
		err = nil
	}
	return v, err
}

func (d *Daemon) bring(ctx context.Context, bundle *crontopus.Bundle, last Outcome) (Outcome, error) {
	if now := d.options.Now(); !now.Before(bundle.Expires) {
		d.reporter.expired(bundle)
	}
	policy, err := d.policy()
	if err != nil {
		return last, err
	}
	return d.reconciler.Reconcile(ctx, bundle, policy)
}

func (d *Daemon) deliver(ctx context.Context) error {
	if !d.reporter.isOnline() {
		return nil
	}
	return withReload(ctx, d.options.ReloadKey, func() error {
		return d.options.Spool.Deliver(ctx, d.options.Server.CheckIns)
	})
}

func (d *Daemon) policy() (*Policy, error) {
	if d.options.Policy != nil {
		return d.options.Policy()
	}
	return LoadPolicy(d.options.PolicyFile, d.options.UID)
}

// drained is for the heartbeat; without an answer there is none.
func (d *Daemon) drained() time.Time {
	upTo, err := d.options.Spool.DrainedUpTo(d.options.Now())
	if err != nil {
		return time.Time{}
	}
	return upTo
}

func (d *Daemon) judged(bundle *crontopus.Bundle, refusal *crontopus.Refusal) {
	d.reporter.judged(refusal)
	if refusal == nil {
		v := verified{bundle: bundle}
		v.seal, v.unsealable = d.options.State.seal(d.puller.id) // nobody else writes bundles, and he who does has called
		d.accepted.Store(&v)
		d.drift.Send()
	}
}

func (d *Daemon) reachable(err error) {
	d.reporter.reachable(err)
	if err == nil {
		d.spooled.Send()
	}
}

// Deliver sends what is in the spool soon; it does not wait for it.
func (d *Daemon) Deliver() { d.spooled.Send() }

// Lost notes that a run could not keep a check-in, and why.
func (d *Daemon) Lost(why string) { d.reporter.lost(why) }
