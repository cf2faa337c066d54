package alert

import (
	"time"

	"crontopus.dev/crontopus"
)

// tell lets the observer know of a batch that is committed.
func (d *Detector) tell(looks []crontopus.Look, verdicts []crontopus.Verdict) {
	now, lag := d.Now(), time.Duration(0)
	if at := looks[0].Watch.LookAt; at.Unix() > 0 { // those that are to be looked at whenever have no time
		lag = max(0, looks[0].Now.Sub(at))
	}
	d.Observer.Looked(len(looks), lag)
	for i := range verdicts {
		for j := range verdicts[i].Incidents {
			in := &verdicts[i].Incidents[j]
			if !in.OpenedAt.Equal(looks[i].Now) {
				continue
			}
			d.Observer.IncidentOpened(in.Kind)
			if over, ok := deadline(&looks[i], &verdicts[i], in); ok && !over.After(now) {
				d.Observer.Detected(in.Kind, now.Sub(over))
			}
		}
	}
}

// deadline is when it could first be known what an incident tells, where it tells that
// something did not happen.
func deadline(l *crontopus.Look, v *crontopus.Verdict, in *crontopus.Incident) (at time.Time, ok bool) {
	if l.Job == nil {
		return at, false
	}
	e := entry{job: &l.Job.Job}
	switch late := v.Watch.State.Late; {
	case in.Kind == crontopus.AlertMissed && len(in.Missed) > 0:
		return in.Missed[0].Due.Add(e.missAfter()), true
	case in.Kind == crontopus.AlertLateStart && !late.IsZero():
		return late.Add(e.lateAfter()), true
	}
	return at, false
}
