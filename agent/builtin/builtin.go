// Package builtin is the scheduler for hosts that have none, such as containers: it
// starts runs in the agent's own process. When and whether a job runs is decided by the same
// claims as under cron, so nothing runs twice because the agent was restarted.
// It imports the root package, agent and schedule.
package builtin

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/schedule"
)

// longestSleep bounds how late a clock that was set, or a host that slept, is noticed.
const longestSleep = 30 * time.Second

// Execute runs a job if it is due; agent.Runner.Exec does.
type Execute func(ctx context.Context, job crontopus.JobName, byHand bool) (code int, err error)

// Scheduler starts jobs by itself while Run runs.
type Scheduler struct {
	state   agent.State
	execute Execute
	now     func() time.Time
	log     *slog.Logger

	changed chan struct{} // holds one signal: entries are others than before
	runs    sync.WaitGroup

	mu      sync.Mutex
	entries []*entry // nil until the first Apply
}

var _ agent.Scheduler = (*Scheduler)(nil)

// entry is one job and when it is next to be started.
type entry struct {
	agent.Native
	set  *schedule.Set
	next time.Time // zero: at once
}

// New returns a scheduler that holds nothing yet.
func New(state agent.State, execute Execute, now func() time.Time, log *slog.Logger) *Scheduler {
	return &Scheduler{state: state, execute: execute, now: now, log: log, changed: make(chan struct{}, 1)}
}

// Name is the scheduler's word.
func (s *Scheduler) Name() string { return "builtin" }

// HostZone is the zone of this process, which counts the time itself.
func (s *Scheduler) HostZone() string { return agent.ProcessZone() }

// Render writes the job's zone and expressions, a line each.
func (s *Scheduler) Render(job *crontopus.Job) (agent.Native, error) {
	if _, err := schedule.Of(job); err != nil {
		return agent.Native{}, err
	}
	lines := append([]string{job.Spec.Timezone}, job.Spec.Schedule...)
	return agent.Native{Job: job.Name(), Text: strings.Join(lines, "\n")}, nil
}

// compile reads what Render wrote.
func compile(e agent.Native) (*schedule.Set, error) {
	lines := strings.Split(e.Text, "\n")
	return schedule.New(lines[1:], lines[0], e.Job.String())
}

// Observe returns the entries that were last applied. They live in this process only, so
// nobody can change them, and before the first Apply the agent's record stands for them.
func (s *Scheduler) Observe(context.Context) (agent.Observed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found agent.Observed
	if s.entries == nil {
		applied, err := s.state.LoadApplied()
		if err == nil && applied != nil {
			found.Entries = applied.Entries
		}
		return found, err
	}
	for _, e := range s.entries {
		found.Entries = append(found.Entries, e.Native)
	}
	return found, nil
}

// Apply replaces the entries. One that was there before keeps its time; with the first
// Apply each job is asked once, at once, whether it missed anything while nobody was here.
func (s *Scheduler) Apply(_ context.Context, entries []agent.Native) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, now := s.entries == nil, s.now()
	held := make(map[agent.Native]*entry, len(s.entries))
	for _, e := range s.entries {
		held[e.Native] = e
	}
	next := make([]*entry, 0, len(entries))
	for _, native := range entries {
		if e := held[native]; e != nil {
			next = append(next, e)
			continue
		}
		set, err := compile(native)
		if err != nil {
			return err
		}
		e := &entry{Native: native, set: set}
		if !first {
			e.plan(now)
		}
		next = append(next, e)
	}
	s.entries = next
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

// plan sets when the entry is next to be started; never, for @reboot alone.
func (e *entry) plan(now time.Time) {
	var ok bool
	if e.next, ok = e.set.Next(now); !ok {
		e.next = farFuture
	}
}

var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Run starts jobs when they are due until ctx ends; then it waits for those that run,
// which have the runner's grace, and returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	defer s.runs.Wait()
	for last := s.now(); ctx.Err() == nil; {
		now := s.now()
		wait := s.startDue(ctx, now, now.Before(last))
		last = now
		select {
		case <-ctx.Done():
		case <-s.changed:
		case <-time.After(wait):
		}
	}
	return nil
}

// startDue starts what is due and returns how long nothing else will be. After the clock
// was set back every time is planned anew.
func (s *Scheduler) startDue(ctx context.Context, now time.Time, setBack bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := longestSleep
	for _, e := range s.entries {
		switch {
		case !e.next.After(now):
			e.plan(now)
			s.runs.Go(func() { s.run(ctx, e.Job) })
		case setBack:
			e.plan(now)
		}
		wait = min(wait, e.next.Sub(now))
	}
	return wait
}

func (s *Scheduler) run(ctx context.Context, job crontopus.JobName) {
	code, err := s.execute(ctx, job, false)
	switch {
	case err != nil:
		s.log.ErrorContext(ctx, "a job could not be run", "job", job.String(), "error", err)
	case code != 0:
		s.log.InfoContext(ctx, "a job ended with a code", "job", job.String(), "code", code)
	}
}
