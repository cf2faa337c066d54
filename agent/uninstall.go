package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"crontopus.dev/crontopus"
)

// Uninstall takes every managed entry out of the scheduler and returns which. What it
// knows them by are their markers, so it works without any state.
func Uninstall(ctx context.Context, state State, scheduler Scheduler) ([]crontopus.JobName, error) {
	observed, err := scheduler.Observe(ctx)
	if err != nil {
		return nil, err
	}
	if err := scheduler.Apply(ctx, nil); err != nil {
		return nil, err
	}
	for _, file := range []string{state.AppliedFile(), state.BundleFile(), state.SealedJobsFile()} { // a run that waits finds no job to start
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot forget what was applied: %w", err)
		}
	}
	return jobNames(observed.Entries), nil
}

// Purge deletes the files of the folder, and the folder if nothing else is in it.
func (s State) Purge() error {
	for _, file := range []string{
		s.BundleFile(), s.SealedJobsFile(), s.MarkFile(), s.AppliedFile(), s.ReportFile(), s.ConfigFile(), s.PausedFile(),
		s.ClaimsDir(), s.LocksDir(), s.SpoolDir(), s.IdentityFile(), s.KeyFile(), s.NextKeyFile(), s.keyLockFile(), s.LockFile(), s.bellFile(), s.lossFile(),
	} {
		if err := os.RemoveAll(file); err != nil {
			return crontopus.Errorf(crontopus.CodeUnavailable, "cannot delete the agent's state: %w", err)
		}
	}
	_ = os.Remove(s.Dir) // fails, as it should, when somebody keeps other things there
	return nil
}
