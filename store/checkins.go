package store

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// What a check-in may carry. Longer text is cut, since a report that is refused would be
// lost; a number out of range is a mistake of the sender.
const (
	maxOutput   = int(crontopus.MaxCaptureOutput)
	maxMessage  = 4 << 10
	maxRevision = 512
	maxAttempt  = 10_000
)

// RecordCheckIns folds check-ins into runs, in one transaction, and answers each: nil for
// one that is recorded, also if it was before; not_found for a job that the tenant never
// had; forbidden for a job that was in no bundle of the agent; invalid for what cannot be.
// agentID is "" for a program with an API key. When the second result is an error nothing was
// recorded.
func (s *Store) RecordCheckIns(ctx context.Context, tenant crontopus.TenantID, agentID string, list []crontopus.CheckIn) ([]error, error) {
	results := make([]error, len(list))
	err := s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		for i, c := range list {
			err := s.record(ctx, t, tenant, agentID, c)
			if _, refused := errors.AsType[refusal](err); err != nil && !refused {
				return err
			}
			results[i] = errors.Unwrap(err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// refusal is why one check-in is not recorded while the others are.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func refuse(code, format string, args ...any) error {
	return refusal{crontopus.Errorf(code, format, args...)}
}

func (s *Store) record(ctx context.Context, t tx, tenant crontopus.TenantID, agentID string, c crontopus.CheckIn) error {
	c, err := tidy(c)
	if err != nil {
		return err
	}
	if err := mayCheckIn(ctx, t, tenant, agentID, c.Job); err != nil {
		return err
	}
	run, err := runOf(ctx, t, tenant, agentID, c)
	switch {
	case errors.Is(err, errNoRow):
		run = runKept{crontopus.NewRun(c, ""), agentID, s.place(c)}
	case err != nil:
		return err
	case run.Job != c.Job || run.agentID != agentID:
		return refuse(crontopus.CodeInvalid, "the run id %s belongs to another run", c.RunID)
	default:
		if run.ScheduledFor == nil && c.ScheduledFor != nil {
			_, err := runDue(ctx, t, tenant, agentID, c)
			if err == nil {
				c.ScheduledFor = nil // another run has it
			} else if !errors.Is(err, errNoRow) {
				return err
			}
		}
		run.Apply(c)
	}
	return saveRun(ctx, t, tenant, run)
}

// runOf finds the run that a check-in is about: by its id, else by what it was due for.
func runOf(ctx context.Context, t tx, tenant crontopus.TenantID, agentID string, c crontopus.CheckIn) (runKept, error) {
	run, err := findRun(ctx, t, "WHERE r.tenant_id = $1 AND r.id = $2", tenant, c.RunID)
	if !errors.Is(err, errNoRow) || agentID == "" || c.ScheduledFor == nil {
		return run, err
	}
	return runDue(ctx, t, tenant, agentID, c)
}

// runDue finds the run that a schedule started: there is one for a job, an agent and an
// instant.
func runDue(ctx context.Context, t tx, tenant crontopus.TenantID, agentID string, c crontopus.CheckIn) (runKept, error) {
	return findRun(ctx, t, `
		WHERE r.tenant_id = $1 AND r.namespace = $2 AND r.name = $3 AND r.agent_id = $4 AND r.scheduled_for = $5`,
		tenant, c.Job.Namespace, c.Job.Name, agentID, micros(*c.ScheduledFor))
}

// mayCheckIn refuses a check-in for a job that is none of the sender's business.
func mayCheckIn(ctx context.Context, t tx, tenant crontopus.TenantID, agentID string, job crontopus.JobName) error {
	if agentID != "" {
		mine, err := exists(ctx, t, `
			SELECT name FROM agent_jobs WHERE tenant_id = $1 AND agent_id = $2 AND namespace = $3 AND name = $4`,
			tenant, agentID, job.Namespace, job.Name)
		if err != nil || mine {
			return err
		}
	}
	known, err := exists(ctx, t, "SELECT name FROM job_names WHERE tenant_id = $1 AND namespace = $2 AND name = $3",
		tenant, job.Namespace, job.Name)
	switch {
	case err != nil:
		return err
	case !known:
		return refusal{noJob(job)}
	case agentID != "":
		return refuse(crontopus.CodeForbidden, "the job %s was in no bundle of this agent", job)
	}
	return nil
}

// place is where a run stands in lists: at the instant it was due or first heard of. It never
// changes, so that pages stay put; a host whose clock is ahead does not stay on top.
func (s *Store) place(c crontopus.CheckIn) time.Time {
	at := c.At
	if c.ScheduledFor != nil {
		at = *c.ScheduledFor
	}
	if now := s.now(); at.After(now) {
		at = now
	}
	return at
}

// tidy returns a check-in as it can be stored, or a refusal.
func tidy(c crontopus.CheckIn) (crontopus.CheckIn, error) {
	id, err := uuid.Parse(c.RunID)
	switch {
	case err != nil || len(c.RunID) != 36:
		return c, refuse(crontopus.CodeInvalid, "the run id %.40q is not a UUID", c.RunID)
	case c.Event.State() == "":
		return c, refuse(crontopus.CodeInvalid, "there is no event %.40q; write start, success, failure, timeout or skipped", c.Event)
	case c.Attempt < 0 || c.Attempt > maxAttempt:
		return c, refuse(crontopus.CodeInvalid, "the attempt %d is not between 1 and %d", c.Attempt, maxAttempt)
	case c.ExitCode != nil && (*c.ExitCode < math.MinInt32 || *c.ExitCode > math.MaxUint32):
		return c, refuse(crontopus.CodeInvalid, "%d is no exit code", *c.ExitCode)
	case !storable(c.At):
		return c, refuse(crontopus.CodeInvalid, "at is missing or out of range")
	case c.ScheduledFor != nil && !storable(*c.ScheduledFor):
		return c, refuse(crontopus.CodeInvalid, "scheduledFor is out of range")
	}
	c.RunID = id.String() // in lower case
	c.At = stored(c.At)
	if c.ScheduledFor != nil {
		due := stored(*c.ScheduledFor)
		c.ScheduledFor = &due
	}
	c.Output = c.Output[max(0, len(c.Output)-maxOutput):]
	c.Message = plain(c.Message, maxMessage)
	c.Revision = plain(c.Revision, maxRevision)
	return c, nil
}

// storable reports whether JSON can say the time again.
func storable(t time.Time) bool { return t.Unix() > 0 && t.UTC().Year() < 10_000 }

// stored is a time as it comes back from the database.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// plain is text that every engine stores: valid UTF-8 without NUL, of at most n bytes.
func plain(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
