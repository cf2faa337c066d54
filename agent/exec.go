package agent

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"reflect"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// Runner carries out runs. It needs the state folder and the host's policy, and neither
// the daemon nor the network.
type Runner struct {
	State   State
	AgentID string
	Spool   *Spool
	// Job finds a verified job and the revision that last changed it; nil: LoadJob.
	Job func(crontopus.JobName) (*crontopus.Job, string, error)
	// HostZone returns the name of the zone that `timezone: host` means, "" for nobody knows.
	HostZone func() string
	// Policy reads what the host allows, anew for each run.
	Policy func() (*Policy, error)
	// Deliver hands the spool's check-ins to the server, or wakes who does. A run never
	// waits for it at its start, and never longer than a moment at its end.
	Deliver func(ctx context.Context)
	// Stdout and Stderr take a job's output where run.passthrough asks for it.
	Stdout, Stderr io.Writer
	// Grace is how long a job may still run after the context has ended.
	Grace time.Duration
	// KillAfter is how long a job that was told to end may take for it; 0: 10 s.
	KillAfter time.Duration
	// Slots, where it is set, holds as many runs as may prepare at once; those
	// that wait or run do not count. It keeps a thousand jobs that are due at one moment from
	// needing a thousand threads.
	Slots chan struct{}
	// OOMKills counts how often the kernel has ended a process here for want of memory; nil: as
	// the kernel tells it.
	OOMKills func() int64
	Now      func() time.Time
	Log      *slog.Logger
}

const (
	// deliverTime is how long the end of a run waits for its check-ins to be delivered.
	// After that the daemon or the next run does it.
	deliverTime = 3 * time.Second
	// startDelay lets the start of a short job be delivered together with its end.
	startDelay = 300 * time.Millisecond
	// joinDelay lets it be written together with its end: bringing a file to the disk is most
	// of what a run costs.
	joinDelay = 50 * time.Millisecond
)

// run is one execution under way.
type run struct {
	*Runner
	job      *crontopus.Job
	said     *crontopus.JobSpec // as the bundle has it; by hand, job differs from it
	revision string
	id       string
	due      time.Time // zero by hand and for @reboot
	by       time.Time // when its splay is over; zero by hand
	attempt  int       // from 1
	place    *place
	held     whyNot             // what keeps it from beginning
	began    time.Time          // when its first attempt was started
	waited   bool               // for another run to end, before it began
	unsaid   *crontopus.CheckIn // a start that is to be spooled together with the next check-in
	free     func()             // gives its slot back; nil: it has none
}

// Exec is one run of one job, as a scheduler starts it: it claims what the job is due for
// and returns at once when there is nothing. By hand it runs without a claim. It returns
// the job's own exit code, or an error if the job was not to be started at all. When ctx ends, no
// job is started any more, and after Grace one that runs is stopped.
func (r *Runner) Exec(ctx context.Context, name crontopus.JobName, byHand bool) (code int, err error) {
	free := r.slot()
	run, err := r.prepare(name, byHand)
	if run == nil {
		free()
		return 0, err
	}
	run.free = free
	defer run.rest()
	if run.held.says == "" {
		run.held = run.waitForSplay(ctx)
	}
	if run.held.says != "" {
		run.finish(ctx, run.skipped(run.held))
		return 0, err
	}
	final, code, err := run.execute(ctx)
	run.finish(ctx, final)
	if byHand && err == nil && final.Event == crontopus.EventSkipped { // a scheduler is told nothing, a person would take it for a success
		err = crontopus.Errorf(crontopus.CodeConflict, "%s was not started: %s", name, final.Message).
			WithHint("crontopus runs list --job %s shows the one that has its place", name)
	}
	return code, err
}

// prepare decides whether there is a run: nil, without an error, means that there is
// nothing to do. One that the host holds back takes its instant, so that it can be told why.
func (r *Runner) prepare(name crontopus.JobName, byHand bool) (*run, error) {
	if byHand && r.State.Paused() {
		return nil, errPaused
	}
	policy := make(chan policyRead, 1)
	go func() { policy <- r.readPolicy() }() // beside the bundle, which takes longer
	job, revision, err := r.load(name)
	allowed := <-policy
	if err != nil {
		return nil, err
	}
	held, denied := r.permit(job, allowed)
	if denied != nil && byHand {
		return nil, denied
	}
	said := &job.Spec
	id, err := uuid.NewV7()
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInternal, "cannot name a run: %w", err)
	}
	if byHand { // who runs it by hand wants to see it
		seen := *job
		seen.Spec.Run.Passthrough = true
		job = &seen
	}
	run := &run{Runner: r, job: job, said: said, revision: revision, id: id.String(), attempt: 1, held: held}
	if byHand {
		return run, nil
	}
	due, err := run.claim()
	switch {
	case err != nil && !run.due.IsZero():
		run.held = whyNot{reasonOf(err, crontopus.ReasonCannotStart), err.Error()}
		return run, err
	case err != nil || !due:
		return nil, cmp.Or(err, denied)
	}
	return run, denied
}

// slot waits for a free one and returns what gives it back.
func (r *Runner) slot() (free func()) {
	if r.Slots == nil {
		return func() {}
	}
	r.Slots <- struct{}{}
	return func() { <-r.Slots }
}

// work has the run hold a slot: from its first step until its job is started, so that of many
// that are due at once the first starts before the last has looked what it is due for.
func (r *run) work() {
	if r.free == nil {
		r.free = r.slot()
	}
}

// rest gives the slot back, before the run waits for something else.
func (r *run) rest() {
	if r.free != nil {
		r.free()
		r.free = nil
	}
}

func (r *Runner) load(name crontopus.JobName) (*crontopus.Job, string, error) {
	if r.Job != nil {
		return r.Job(name)
	}
	return LoadJob(r.State, name)
}

// claim reports whether there is something to run for.
func (r *run) claim() (bool, error) {
	job, err := r.job.InZone(r.HostZone)
	if err != nil {
		return false, err
	}
	set, err := schedule.Of(job)
	if err != nil {
		return false, err
	}
	now := r.Now()
	claimed, ok, err := r.State.TakeClaim(r.job, set, thisBoot(), now)
	r.due, r.by = claimed.ScheduledFor, claimed.ScheduledFor
	if err != nil || !ok {
		return false, err
	}
	if claimed.Boot {
		r.by = now
	}
	r.by = r.by.Add(splay(r.job, r.AgentID))
	return true, nil
}

// splay is the fixed delay of a job on an agent: the same each time, below run.splay, and
// spread evenly over hosts.
func splay(job *crontopus.Job, agentID string) time.Duration {
	most := job.Spec.Run.Splay.Std()
	if most <= 0 {
		return 0
	}
	h := fnv.New64a()
	io.WriteString(h, job.Name().String()+"@"+agentID) //nolint:errcheck // a hash takes everything
	return time.Duration(h.Sum64() % uint64(most))
}

// waitForSplay returns why the run must not go on after all, if it must not.
func (r *run) waitForSplay(ctx context.Context) whyNot {
	wait := r.by.Sub(r.Now())
	if wait <= 0 && ctx.Err() == nil {
		return whyNot{}
	}
	r.rest()
	select {
	case <-ctx.Done():
		return whyNot{crontopus.ReasonAgentStopped, "the agent was stopped before the run began"}
	case <-time.After(wait):
	}
	return r.calledOff("while the run waited for its splay")
}

// calledOff returns why a job that has waited must not be started any more, if it must not. Waits are
// long: by now the job may be gone or another, the policy stricter, the host paused or without its agent.
func (r *run) calledOff(when string) whyNot {
	r.work()
	if r.State.Paused() {
		return whyNot{crontopus.ReasonPaused, "the host was paused " + when}
	}
	job, _, err := r.load(r.job.Name())
	if err == nil {
		_, err = r.permit(job, r.readPolicy())
	}
	switch {
	case err != nil:
		return whyNot{crontopus.ReasonCalledOff, "it was called off " + when + ": " + err.Error()}
	case !reflect.DeepEqual(&job.Spec, r.said):
		return whyNot{crontopus.ReasonCalledOff, "the job was changed " + when}
	}
	return whyNot{}
}

// execute runs the job to its end, in its place and with all its attempts, and returns the
// check-in that says how it ended.
func (r *run) execute(ctx context.Context) (final crontopus.CheckIn, code int, err error) {
	ctx, leave, err := r.takePlace(ctx)
	if busy := new(busyError); errors.As(err, &busy) {
		return r.skipped(whyNot{busy.reason, busy.Error()}), 0, nil
	}
	if err != nil {
		return r.failed(err), 0, err
	}
	defer leave()
	if r.waited {
		if why := r.calledOff("while the run waited for the job's last one to end"); why.says != "" {
			return r.skipped(why), 0, nil
		}
	}
	secrets, err := r.secrets()
	if err != nil {
		return r.failed(err), 0, err
	}
	for r.attempt = 1; ; r.attempt++ {
		final, code, err = r.try(ctx, secrets)
		if err != nil || final.Final() {
			return final, code, err
		}
		if why := r.waitToRetry(ctx, final); why != "" {
			final.RetryAt, final.Message = nil, why // its reason stays why it failed
			return final, code, nil
		}
	}
}

// try is one attempt. What it returns is final unless another is to follow.
func (r *run) try(ctx context.Context, secrets map[string]string) (end crontopus.CheckIn, code int, err error) {
	killed := r.oomKills()
	child, output, err := r.start(secrets)
	if err != nil {
		return r.failed(err), 0, err
	}
	reported := r.report(ctx, r.checkIn(crontopus.EventStart))
	ended := child.wait(ctx, r.job.Spec.Run.Timeout.Std())
	end = r.checkIn(ended.event(r.job.Spec.Run.SuccessExitCodes))
	if ended.killed() && r.oomKills() > killed {
		ended.reason, ended.message = crontopus.ReasonOutOfMemory, "the kernel killed it for want of memory"
	}
	end.ExitCode, end.Reason, end.Message, end.Output = &ended.code, ended.reason, ended.message, output.tail()
	reported()
	if !ended.stopped && !r.place.occupant().alive() { // never beside one that could not be killed
		r.planRetry(&end)
	}
	return end, ended.code, nil
}

func (r *run) start(secrets map[string]string) (*child, *capture, error) {
	r.work()
	defer r.rest()
	output := newCapture(&r.job.Spec.Run, secrets, r.Stdout, r.Stderr)
	child, err := startChild(r, secrets, output)
	if err == nil {
		if r.began.IsZero() {
			r.began = r.Now()
		}
		r.place.occupy(child.cmd.Process.Pid, r)
	}
	return child, output, err
}

// report spools a check-in and delivers it while the run goes on. What it returns ends that,
// so that the next one need not wait behind it.
func (r *run) report(ctx context.Context, c crontopus.CheckIn) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = encode(c) // the first time is slow, and the job runs meanwhile: its end need not wait for that
		if c.Event == crontopus.EventStart && !lasts(ctx, joinDelay) {
			r.unsaid = &c
			return
		}
		r.spool(ctx, c)
		if lasts(ctx, startDelay) {
			r.deliver(ctx)
		}
	}()
	return func() { cancel(); <-done }
}

// lasts waits and reports whether ctx has not ended meanwhile.
func lasts(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// finish reports the run's last check-in, also when the run is being stopped.
func (r *run) finish(ctx context.Context, final crontopus.CheckIn) {
	ctx = context.WithoutCancel(ctx)
	r.spool(ctx, final)
	r.deliver(ctx)
}

// spool keeps a check-in, and before it the one that waits for it. A failure must not fail the
// job, so it is only logged, and told to the daemon.
func (r *run) spool(ctx context.Context, c crontopus.CheckIn) {
	all := []crontopus.CheckIn{c}
	if r.unsaid != nil {
		all = []crontopus.CheckIn{*r.unsaid, c}
		r.unsaid = nil
	}
	if err := r.Spool.Add(all...); err != nil {
		r.Log.ErrorContext(ctx, "a check-in is lost", "job", c.Job, "event", c.Event, "error", err)
		r.State.Lose(c.Job.String() + ": " + err.Error())
	}
}

func (r *run) deliver(ctx context.Context) {
	if r.Deliver == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	r.Deliver(ctx)
}

func (r *run) checkIn(event crontopus.Event) crontopus.CheckIn {
	c := crontopus.CheckIn{RunID: r.id, Job: r.job.Name(), Event: event, At: r.Now().UTC(), Attempt: r.attempt, Revision: r.revision}
	if !r.due.IsZero() {
		due := r.due.UTC()
		c.ScheduledFor = &due
	}
	return c
}

func (r *run) skipped(why whyNot) crontopus.CheckIn {
	c := r.checkIn(crontopus.EventSkipped)
	c.Reason, c.Message = why.reason, why.says
	return c
}

func (r *run) failed(err error) crontopus.CheckIn {
	c := r.checkIn(crontopus.EventFailure)
	c.Reason, c.Message = reasonOf(err, crontopus.ReasonCannotStart), err.Error()
	return c
}
