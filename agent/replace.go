package agent

import (
	"context"
	"errors"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/filelock"
)

// replace ends the run that has the job's place, and takes it. One run at a time may wait for
// that; another that comes meanwhile is not needed.
//
// Who has the place hears of it and ends its own child. Who does not hear was started when the
// job's concurrency was another, or was killed and left its child behind: then that child is
// ended from here.
func (r *run) replace(ctx context.Context) (*filelock.Lock, error) {
	job := r.job.Name()
	turn, err := r.State.tryLock(r.State.placeFile(job)+".next", job, errTurn)
	if err != nil {
		return nil, err
	}
	defer turn.Close()
	patience := time.Now().Add(r.killTime() + lingering)
	for {
		lock, err := r.State.lockPlace(job)
		switch {
		case err == nil && r.endOccupant(r.killTime()):
			return lock, nil
		case err == nil:
			return nil, errors.Join(r.unended(), lock.Close())
		case !errors.Is(err, errBusy):
			return nil, err
		case time.Now().After(patience.Add(lingering)):
			return nil, r.unended()
		case time.Now().After(patience): // it listens, and does nothing
			r.endOccupant(0)
		case !r.State.ask(job):
			r.endOccupant(r.killTime())
		}
		r.waited = true
		select {
		case <-ctx.Done():
			return nil, errTired
		case <-time.After(lookAgain):
		}
	}
}

func (r *run) unended() error {
	return crontopus.Errorf(crontopus.CodeUnavailable, "the last run of %s was told to end, and did not", r.job.Name()).
		WithHint("look for the process that %s names, and end it by hand", r.State.placeFile(r.job.Name()))
}

// endOccupant ends the processes that the place's note tells of, and reports whether none
// is left.
func (r *run) endOccupant(killAfter time.Duration) bool {
	o := r.State.occupant(r.job.Name())
	if !o.alive() {
		return true
	}
	endGroup(o.pid, killAfter, func() bool { return !o.alive() })
	return !o.alive()
}

func (r *run) killTime() time.Duration {
	if r.KillAfter > 0 {
		return r.KillAfter
	}
	return killAfter
}
