package store

import (
	"context"
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
	maxReason   = 64
	maxAttempt  = 10_000
)

// RecordCheckIns folds check-ins into runs, in one transaction, and answers each: nil for
// one that is recorded, also if it was before; not_found for a job that the tenant never
// had; forbidden for a job that was in no bundle of the agent; invalid for what cannot be.
// agentID is "" for a program with an API key. When the second result is an error nothing was
// recorded. A server that takes many at once does it through a Recorder.
func (s *Store) RecordCheckIns(ctx context.Context, tenant crontopus.TenantID, agentID string, list []crontopus.CheckIn) ([]error, error) {
	b := &submission{tenant: tenant, agentID: agentID, list: list}
	if _, err := s.recordAll(ctx, tenantScope(tenant), []*submission{b}); err != nil {
		return nil, err
	}
	return b.results, nil
}

// submission is what one sender checks in at once.
type submission struct {
	tenant  crontopus.TenantID
	agentID string
	list    []crontopus.CheckIn
	proof   *proof // of a ping
	results []error
}

// recordAll commits submissions in one transaction, and returns the runs that are not as they were.
func (s *Store) recordAll(ctx context.Context, in scope, submissions []*submission) (changed []*runKept, err error) {
	err = s.engine.write(ctx, in, func(t tx) error {
		f := newFold(s.now(), s.keep, submissions)
		f.heart = s.heart
		if err := f.readProofs(ctx, t); err != nil {
			return err
		}
		if err := f.readGrants(ctx, t, s.granted); err != nil {
			return err
		}
		rest, err := f.writeFresh(ctx, t)
		if err != nil {
			return err
		}
		if len(rest.items) > 0 {
			if err := rest.read(ctx, t); err != nil {
				return err
			}
			rest.apply()
			if err := rest.write(ctx, t); err != nil {
				return err
			}
		}
		changed = append(f.told, rest.told...)
		if err := s.tellFollowers(ctx, t, changed); err != nil {
			return err
		}
		return signal(ctx, t, append(f.news, rest.news...), f.now)
	})
	return changed, err
}

// place is where a run stands in lists: at the instant it was due or first heard of. It never
// changes, so that pages stay put; a host whose clock is ahead does not stay on top, and of one whose clock is
// far behind no run is deleted as one that was kept for long enough.
func place(c crontopus.CheckIn, now time.Time, keep time.Duration) time.Time {
	at := c.At
	if c.ScheduledFor != nil {
		at = *c.ScheduledFor
	}
	if at.After(now) || keep > 0 && at.Before(now.Add(-keep/2)) {
		return now
	}
	return at
}

// tidy returns a check-in as it can be stored, or why it cannot.
func tidy(c crontopus.CheckIn) (crontopus.CheckIn, error) {
	id, err := uuid.Parse(c.RunID)
	switch {
	case err != nil || len(c.RunID) != 36:
		return c, crontopus.Errorf(crontopus.CodeInvalid, "the run id %.40q is not a UUID", c.RunID)
	case plain(c.Job.Namespace, maxMessage) != c.Job.Namespace || plain(c.Job.Name, maxMessage) != c.Job.Name:
		return c, noJob(c.Job) // and no engine could look for it
	case c.Event.State() == "":
		return c, crontopus.Errorf(crontopus.CodeInvalid, "there is no event %.40q; write start, success, failure, timeout or skipped", c.Event)
	case c.Attempt < 0 || c.Attempt > maxAttempt:
		return c, crontopus.Errorf(crontopus.CodeInvalid, "the attempt %d is not between 1 and %d", c.Attempt, maxAttempt)
	case c.ExitCode != nil && (*c.ExitCode < math.MinInt32 || *c.ExitCode > math.MaxUint32):
		return c, crontopus.Errorf(crontopus.CodeInvalid, "%d is no exit code", *c.ExitCode)
	case !storable(c.At):
		return c, crontopus.Errorf(crontopus.CodeInvalid, "at is missing or out of range")
	case c.RetryAt != nil && (!storable(*c.RetryAt) || c.Event != crontopus.EventFailure && c.Event != crontopus.EventTimeout):
		return c, crontopus.Errorf(crontopus.CodeInvalid, "retryAt is out of range, or with an event that no retry follows")
	case c.ScheduledFor != nil && !storable(*c.ScheduledFor):
		return c, crontopus.Errorf(crontopus.CodeInvalid, "scheduledFor is out of range")
	}
	c.RunID = id.String() // in lower case
	c.At = stored(c.At)
	if c.ScheduledFor != nil {
		due := stored(*c.ScheduledFor)
		c.ScheduledFor = &due
	}
	c.Output = c.Output[max(0, len(c.Output)-maxOutput):]
	c.Message = plain(c.Message, maxMessage)
	c.Reason = plain(c.Reason, maxReason)
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
