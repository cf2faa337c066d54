package agent

import (
	"context"
	"fmt"
	"time"

	"crontopus.dev/crontopus"
)

// planRetry says in the check-in of an attempt that failed when the next one begins, if
// there is one.
func (r *run) planRetry(end *crontopus.CheckIn) {
	if end.Event == crontopus.EventSuccess {
		return
	}
	pause, again := r.job.Spec.Run.Retries.Pause(r.attempt)
	if !again {
		return
	}
	at := end.At.Add(pause)
	end.RetryAt = &at
	why := end.Message
	if why == "" {
		why = fmt.Sprintf("it ended with the code %d", *end.ExitCode)
	}
	end.Message = fmt.Sprintf("attempt %d of %d: %s; the next one begins at %s",
		r.attempt, r.job.Spec.Run.Retries.Limit+1, why, at.Format(time.RFC3339))
}

// waitToRetry reports the failed attempt and waits for the time of the next one. It returns why
// that must not begin after all, or "".
func (r *run) waitToRetry(ctx context.Context, failed crontopus.CheckIn) string {
	defer r.report(ctx, failed)()
	select {
	case <-ctx.Done():
		return stopReason(ctx).says + ", before it was tried again"
	case <-time.After(failed.RetryAt.Sub(failed.At)):
	}
	return r.calledOff("before it was tried again").says
}
