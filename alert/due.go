package alert

import (
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
	"crontopus.dev/crontopus/schedule"
)

const (
	lookAgain     = 2 * time.Second // while an agent's word is awaited
	lookLate      = 10 * time.Second
	lookSeldom    = 30 * time.Second
	clockPatience = 2 * time.Minute
)

// missAfter is when nothing having run is a miss.
func (e *entry) missAfter() time.Duration {
	return (e.job.Spec.Run.Splay + e.job.Spec.Monitor.Grace).Std()
}

// lateAfter is when nothing having started is late; 0: never before it is a miss.
func (e *entry) lateAfter() time.Duration {
	if e.job.Spec.Monitor.StartDeadline == 0 {
		return 0
	}
	if after := (e.job.Spec.Run.Splay + e.job.Spec.Monitor.StartDeadline).Std(); after < e.missAfter() {
		return after
	}
	return 0
}

// firstLook is when an instant is first looked at: a run that started in time may take too long
// before the grace of one that did not is over.
func (e *entry) firstLook() time.Duration {
	first := e.missAfter()
	for _, d := range []time.Duration{e.lateAfter(), e.job.Spec.Monitor.MaxDuration.Std()} {
		if d > 0 {
			first = min(first, d)
		}
	}
	return first
}

// takeUp finds the instants that have come, and the one that comes next.
func (e *entry) takeUp() {
	s := e.state()
	cursor := s.Since
	if s.TakenUp.After(cursor) {
		cursor = s.TakenUp
	}
	for !cursor.After(e.Now) && len(s.Due) < mostDue {
		next, ok := e.set.Next(cursor)
		if !ok {
			break
		}
		cursor = next.UTC()
		s.TakenUp = cursor
		if !slices.ContainsFunc(s.Told, cursor.Equal) {
			s.Due = append(s.Due, cursor)
		}
	}
	s.Told = slices.DeleteFunc(s.Told, func(t time.Time) bool { return !t.After(s.TakenUp) })
}

// horizon is the first instant that has come and of whose run the store was not asked.
func (e *entry) horizon() time.Time {
	for _, d := range e.state().Due {
		if !d.After(e.Now) && !slices.ContainsFunc(e.Look.Watch.State.Due, d.Equal) {
			return d
		}
	}
	return e.Now.AddDate(1000, 0, 0)
}

// lookNext asks for the looks that the instants need.
func (e *entry) lookNext() {
	for _, d := range e.state().Due {
		e.lookBy(e.nextLookAt(d))
		if late := e.lateAfter(); late > 0 && e.state().Late.IsZero() && !e.Now.Before(d.Add(late)) {
			e.lookBy(e.Now.Add(lookLate)) // its agent's word is awaited
		}
	}
	if e.incident() != nil && !e.horizon().After(e.Now) {
		e.lookBy(e.Now) // a run that came before the incident was no signal, and may end it
	}
}

// judgeInstant gives its verdict on an instant that has no run.
func (e *entry) judgeInstant(d time.Time) {
	s := e.state()
	switch late, miss := e.lateAfter(), e.missAfter(); {
	case !e.Now.Before(d.Add(miss)):
		switch { // otherwise the agent's word is awaited
		case e.silent() && !e.hostDown(): // its own watch will say so first
		case e.returning():
		case e.silent() || e.drained(d, miss):
			s.Due = slices.DeleteFunc(s.Due, d.Equal)
			s.Late = time.Time{}
			e.miss(d, nil)
		}
	case late > 0 && !e.Now.Before(d.Add(late)) && s.Late.IsZero() && !e.silent() && !e.returning() && e.drained(d, late) && e.absence(d) == "":
		s.Late = d
		if e.incident() == nil {
			e.open(crontopus.AlertLateStart, causeOfLateStart(e, d))
		}
	}
}

// drained reports whether everything has arrived that the agent had to say, some time after an
// instant, of what was to come by then. One whose clock is off is waited for a little longer.
func (e *entry) drained(d time.Time, after time.Duration) bool {
	if e.Agent == nil {
		return true // who pings keeps nothing back
	}
	if e.skew() != 0 {
		return !e.Now.Before(d.Add(after + clockPatience)) // its own times say nothing
	}
	need := d.Add(after - spoolMargin)
	if need.Before(d) {
		need = d
	}
	until := e.Agent.Status.SpoolDrained
	return until != nil && !until.Before(need)
}

// judgeRunning finds runs that take too long.
func (e *entry) judgeRunning() {
	s, most := e.state(), e.job.Spec.Monitor.MaxDuration.Std()
	for _, id := range slices.Clone(s.Running) {
		r := e.byID[id]
		switch {
		case r == nil || most == 0 || r.Started == nil || r.Ended():
			s.Running = slices.DeleteFunc(s.Running, func(o string) bool { return o == id })
			if r != nil && r.Ended() && !slices.ContainsFunc(e.Signals, func(o crontopus.Run) bool { return o.ID == id }) {
				e.heed(r)
			}
		case !e.Now.Before(r.Started.Add(most)) && !e.drained(*r.Started, most):
			e.lookBy(e.Now.Add(e.patience(*r.Started))) // it may have ended while nobody was told
		case !e.Now.Before(r.Started.Add(most)):
			if e.incident() == nil {
				e.open(crontopus.AlertTooLong, causeOfTooLong(e, r))
			}
		default:
			e.lookBy(r.Started.Add(most))
		}
	}
}

// ends reports whether nothing takes too long any more now that a run has ended. Another one of the job, that
// came and went beside one that still goes on, ends nothing.
func (e *entry) ends(r *crontopus.Run) bool {
	if e.overdue(r) {
		return true // it was this one; another that takes too long has an incident of its own
	}
	return !slices.ContainsFunc(e.state().Running, func(id string) bool {
		o := e.byID[id]
		return o != nil && !o.Ended() && e.overdue(o)
	})
}

// overdue reports whether a run takes, or took, longer than it may.
func (e *entry) overdue(r *crontopus.Run) bool {
	most := e.job.Spec.Monitor.MaxDuration.Std()
	if most == 0 || r.Started == nil {
		return false
	}
	until := e.Now
	if r.Finished != nil {
		until = *r.Finished
	}
	return !until.Before(r.Started.Add(most))
}

// nextLookAt is when an instant is to be looked at next.
func (e *entry) nextLookAt(d time.Time) time.Time {
	for _, span := range []time.Duration{e.firstLook(), e.lateAfter(), e.missAfter()} { // in this order
		if at := d.Add(span); span > 0 && at.After(e.Now) {
			return at
		}
	}
	if !slices.ContainsFunc(e.Look.Watch.State.Due, d.Equal) {
		return e.Now // whether it ran has not been read yet
	}
	return e.Now.Add(e.patience(d))
}

// patience is how long to wait for an agent's word on an instant. After a long absence of ours
// everybody is waited for at once.
func (e *entry) patience(d time.Time) time.Duration {
	return min(max(e.Now.Sub(d.Add(e.missAfter()))/8, lookAgain), lookSeldom)
}

// expectant reports whether an instant has been looked at and its run is still to come: its start
// must be known at once, for it may take too long.
func (e *entry) expectant() bool {
	return slices.ContainsFunc(e.state().Due, func(d time.Time) bool {
		return !d.Add(e.firstLook()).After(e.Now) && e.firstLook() < e.missAfter()
	})
}

// compiled remembers schedules: many entries share a job, and each is looked at for every run.
type compiled struct {
	sets *recent.Map[string, *schedule.Set]
}

var schedules = compiled{sets: recent.New[string, *schedule.Set](10_000)}

func (c *compiled) of(job *crontopus.Job, sign string) (*schedule.Set, error) {
	key := job.Name().String() + "\n" + sign
	set, _, seen := c.sets.Get(key)
	if set != nil {
		return set, nil
	}
	set, err := schedule.Of(job)
	if err == nil {
		c.sets.Put(key, set, seen)
	}
	return set, err
}
