package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/filelock"
)

// busyError says why a run is skipped: another has the job's place.
type busyError struct{ why, reason string }

func (e *busyError) Error() string { return e.why }

var (
	errBusy  = &busyError{"the job's last run still goes on", crontopus.ReasonStillRunning}
	errTurn  = &busyError{"another run already waits to replace the job's last one", crontopus.ReasonReplaced}
	errTired = &busyError{"the agent was stopped before the job's last run had ended", crontopus.ReasonAgentStopped}
	// errReplaced is why a run's context ends when a newer run wants its place.
	errReplaced = errors.New("it was replaced by a newer run")
)

// lookAgain is between two looks at a lock that is taken: flock has no event to wait for.
const lookAgain = 20 * time.Millisecond

// place is where one run of a job at a time may be. The kernel gives it up with this process,
// however that ends; the lock's note says which process of the job may have outlived it.
type place struct{ lock *filelock.Lock } // nil: runs may go on side by side

// takePlace takes the job's place for as long as the run lasts; where runs may go on side by
// side there is none. The context ends when a newer run wants the place and may have it.
func (r *run) takePlace(ctx context.Context) (_ context.Context, leave func(), err error) {
	r.place = &place{}
	switch r.job.Spec.Run.Concurrency {
	case crontopus.ConcurrencyAllow:
		return ctx, func() {}, nil
	case crontopus.ConcurrencyReplace:
		r.rest()
		r.place.lock, err = r.replace(ctx)
	default:
		if r.place.lock, err = r.State.lockRun(r.job.Name()); errors.Is(err, errBusy) {
			err = &busyError{errBusy.why + r.State.holder(r.job.Name()), errBusy.reason}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	vacate := func() {
		if !r.place.occupant().alive() { // one that could not be killed keeps the place
			_ = r.place.lock.SetNote("") // what is left is a process that has ended
		}
		_ = r.place.lock.Close() // at the latest it goes with this process
	}
	if r.job.Spec.Run.Concurrency != crontopus.ConcurrencyReplace {
		return ctx, vacate, nil
	}
	ctx, deafen, err := r.State.listen(ctx, r.job.Name())
	if err != nil {
		vacate()
		return nil, nil, err
	}
	return ctx, func() { deafen(); vacate() }, nil
}

// occupy notes the process that now does the job, and for which run.
func (p *place) occupy(pid int, r *run) {
	if p.lock != nil {
		_ = p.lock.SetNote(newOccupant(pid).String() + fmt.Sprintf("run %s since %s\n", r.id, r.began.UTC().Format(time.RFC3339))) // without it only a wrapper that is killed leaves its job unguarded
	}
}

// occupant returns the process that the place's note names.
func (p *place) occupant() occupant {
	if p.lock == nil {
		return occupant{}
	}
	return occupantOf(p.lock.Note())
}

// lockRun takes the place if it is free. It returns errBusy when another run has it, or a
// process that outlived its wrapper.
func (s State) lockRun(job crontopus.JobName) (*filelock.Lock, error) {
	lock, err := s.lockPlace(job)
	if err != nil {
		return nil, err
	}
	if (&place{lock}).occupant().alive() {
		_ = lock.Close() // nothing was done with it
		return nil, errBusy
	}
	return lock, nil
}

// lockPlace takes the lock whatever the note says.
func (s State) lockPlace(job crontopus.JobName) (*filelock.Lock, error) {
	return s.tryLock(s.placeFile(job), job, errBusy)
}

func (s State) tryLock(path string, job crontopus.JobName, busy error) (*filelock.Lock, error) {
	lock, err := filelock.TryLock(path)
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return nil, busy
	case err != nil:
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot lock %s: %w", job, err).
			WithHint("run as the user who owns %s", s.Dir)
	}
	return lock, nil
}

func (s State) placeFile(job crontopus.JobName) string {
	return filepath.Join(s.LocksDir(), fileName(job))
}

// occupant returns the process that the note of a job's place names, whoever has it.
func (s State) occupant(job crontopus.JobName) occupant {
	return occupantOf(filelock.Note(s.placeFile(job)))
}

// holder names the run that has the place, as the end of a sentence; "" where its note does not
// tell, as an older agent's.
func (s State) holder(job crontopus.JobName) string {
	note, err := filelock.Note(s.placeFile(job))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(note) { // the first names its process, unless that had ended by then
		var id, since string
		if n, _ := fmt.Sscanf(line, "run %s since %s", &id, &since); n == 2 {
			return fmt.Sprintf(": it began at %s (run %s)", since, id)
		}
	}
	return ""
}
