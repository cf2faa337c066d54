package agent

import (
	"errors"
	"path/filepath"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/filelock"
)

// errBusy says that the job's last run still goes on.
var errBusy = errors.New("the job's last run still goes on")

// lockRun takes the job's place for as long as it runs; the kernel gives it up with this
// process, however that ends. With concurrency allow there is nothing to take. It returns
// errBusy at once when another run has it.
func (s State) lockRun(job *crontopus.Job) (unlock func(), err error) {
	if job.Spec.Run.Concurrency == crontopus.ConcurrencyAllow {
		return func() {}, nil
	}
	lock, err := filelock.TryLock(filepath.Join(s.LocksDir(), fileName(job.Name())))
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return nil, errBusy
	case err != nil:
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot lock %s: %w", job.Name(), err).
			WithHint("run as the user who owns %s", s.Dir)
	}
	return func() { _ = lock.Close() }, nil
}
