package alert

import (
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// syncPatience is how long a source may fail for a reason that may pass by itself.
const syncPatience = 5 * time.Minute

// judgeSource finds whether a source's newest revision is in force.
func judgeSource(l *crontopus.Look) crontopus.Verdict {
	if l.Source == nil {
		return begin(l, crontopus.Subject{}).gone("the source was removed")
	}
	j := begin(l, crontopus.Subject{Source: l.Source.Name})
	ready, stalled := condition(l.Source, crontopus.ConditionReady), condition(l.Source, crontopus.ConditionStalled)
	switch {
	case ready == nil || ready.Reason == crontopus.ReasonProgressing:
	case ready.Status, l.Source.Suspended:
		j.resolve(crontopus.ResolvedRecovered, "the source "+l.Source.Name+" is in force again, at "+l.Source.Status.LastAppliedRevision)
	case stalled != nil && stalled.Status, !l.Now.Before(ready.Since.Add(syncPatience)):
		j.open(crontopus.AlertSyncFailed, causeOfSync(l.Source, ready))
	default:
		j.lookBy(ready.Since.Add(syncPatience))
	}
	j.Verdict.Watch.Alert = j.incident() != nil
	return j.end()
}

func condition(s *crontopus.Source, kind string) *crontopus.Condition {
	i := slices.IndexFunc(s.Status.Conditions, func(c crontopus.Condition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &s.Status.Conditions[i]
}
