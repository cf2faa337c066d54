//go:build unix

package agent

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"crontopus.dev/crontopus"
)

// listen makes the context end, with errReplaced, when somebody asks for the job's place.
func (s State) listen(ctx context.Context, job crontopus.JobName) (_ context.Context, deafen func(), err error) {
	path := s.askFile(job)
	if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot make the pipe %s: %w", path, err)
	}
	// Opened for both, it neither waits for who writes nor ends when that one goes.
	pipe, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot listen for who replaces the run: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n, err := pipe.Read(make([]byte, 1)); n > 0 && err == nil {
			cancel(errReplaced)
		}
	}()
	return ctx, func() {
		_ = pipe.Close() // which is what ends the reading
		<-done
		cancel(nil)
	}, nil
}

// ask tells who has the job's place that it is wanted, and reports whether anybody listens.
func (s State) ask(job crontopus.JobName) bool {
	pipe, err := os.OpenFile(s.askFile(job), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	_, err = pipe.Write([]byte{'!'})
	return errors.Join(err, pipe.Close()) == nil
}

func (s State) askFile(job crontopus.JobName) string { return s.placeFile(job) + ".ask" }

// stopReason says why a run's context has ended.
func stopReason(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), errReplaced) {
		return errReplaced.Error()
	}
	return "it was stopped together with the agent that ran it"
}
