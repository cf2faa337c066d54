package api

import (
	"strings"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// Bounds of a check-in's fields.
const (
	maxAttempt  = 1000
	maxMessage  = 4 << 10
	maxRevision = 512
)

// complete checks a check-in's values and fills in what may be left out. What is only too
// long is cut, not refused: that a run ended matters more than all that it said.
func (s checkIns) complete(c crontopus.CheckIn) (crontopus.CheckIn, error) {
	if id, err := uuid.Parse(c.RunID); err != nil || id.String() != strings.ToLower(c.RunID) {
		return c, invalid("runId %.50q is not a UUID", c.RunID).WithHint("make a UUIDv7 for each run, and use it in all of the run's check-ins")
	}
	c.RunID = strings.ToLower(c.RunID)
	switch {
	case c.Job == (crontopus.JobName{}):
		return c, invalid("the check-in names no job").WithHint("set job to NAMESPACE/NAME")
	case c.Event.State() == "":
		return c, invalid("%.50q is not an event", c.Event).WithHint("use start, success, failure, timeout or skipped")
	case c.Attempt < 0 || c.Attempt > maxAttempt:
		return c, invalid("attempt %d is not between 0 and %d", c.Attempt, maxAttempt)
	}
	if err := checkText("revision", c.Revision, maxRevision); err != nil {
		return c, err
	}
	if c.At.IsZero() {
		c.At = s.now()
	}
	c.At = c.At.UTC()
	if c.ScheduledFor != nil {
		due := c.ScheduledFor.UTC()
		c.ScheduledFor = &due
	}
	if most := int(crontopus.MaxCaptureOutput); len(c.Output) > most {
		c.Output = c.Output[len(c.Output)-most:]
	}
	if len(c.Message) > maxMessage {
		c.Message = c.Message[:maxMessage]
	}
	c.Message = strings.ReplaceAll(strings.ToValidUTF8(c.Message, "\uFFFD"), "\x00", "\uFFFD")
	return c, nil
}
