package syncer

import (
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const defaultInterval = time.Minute

// backoff is how a source that cannot be fetched is tried again.
var backoff = loop.Backoff{Min: 15 * time.Second, Max: 15 * time.Minute}

// verdict is what a sync came to, in the words of a source's conditions.
type verdict struct {
	ready   bool
	stalled bool
	retry   bool // it may pass by itself
	poll    bool // look again at the source's interval
	reason  string
	message string
	jobs    int
	held    string // digest of the plan that waits for approval

	commit *crontopus.Commit    // that came into force; nil: what is in force stays
	pin    *crontopus.PinStatus // where the branch is, if the source is pinned
}

func synced(revision string, jobs int) verdict {
	return verdict{ready: true, poll: true, reason: crontopus.ReasonSynced, jobs: jobs,
		message: count(jobs, "job", "jobs") + " of " + revision + " in force"}
}

func failed(f *failure, heldPlan string) verdict {
	return verdict{stalled: f.Stalled, retry: !f.Stalled, poll: f.ofContent(), reason: f.Reason, message: f.Message, held: heldPlan}
}

// status is the source's status after the verdict. Nothing but a good sync changes what is
// applied.
func (v verdict) status(src crontopus.Source, revision string, now time.Time) crontopus.SourceStatus {
	s := src.Status
	s.Conditions = slices.Clone(s.Conditions)
	s.LastSyncAt, s.NextAttemptAt, s.Failures, s.HeldPlan = &now, nil, 0, v.held
	if revision != "" {
		s.LastAttemptedRevision = revision
	}
	if v.ready {
		s.LastAppliedRevision, s.Jobs, s.LimitsDigest = revision, v.jobs, src.Limits.Digest()
	}
	if v.commit != nil {
		s.Commit = v.commit
	}
	if v.ready || src.Pinned == "" {
		s.Pin = v.pin
	}
	interval := src.Interval.Std()
	if interval <= 0 {
		interval = defaultInterval
	}
	switch {
	case v.retry:
		s.Failures = src.Status.Failures + 1
		next := now.Add(backoff.Delay(s.Failures))
		s.NextAttemptAt = &next
	case v.poll:
		next := now.Add(loop.Jitter(interval))
		s.NextAttemptAt = &next
	}
	set(&s, crontopus.ConditionReady, v.ready, v.reason, v.message, now)
	set(&s, crontopus.ConditionReconciling, false, v.reason, "", now)
	message := ""
	if v.stalled {
		message = v.message
	}
	set(&s, crontopus.ConditionStalled, v.stalled, v.reason, message, now)
	return s
}

// set replaces a condition. Since moves only with its status or reason.
func set(s *crontopus.SourceStatus, kind string, status bool, reason, message string, now time.Time) {
	c := crontopus.Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: now}
	for i, was := range s.Conditions {
		if was.Type == kind {
			if was.Status == status && was.Reason == reason {
				c.Since = was.Since
			}
			s.Conditions[i] = c
			return
		}
	}
	s.Conditions = append(s.Conditions, c)
}

// condition returns the condition of that type, a zero one if there is none.
func condition(conditions []crontopus.Condition, kind string) crontopus.Condition {
	for _, c := range conditions {
		if c.Type == kind {
			return c
		}
	}
	return crontopus.Condition{}
}
