package alert

import (
	"time"

	"crontopus.dev/crontopus"
)

// judgePings finds whether a job without an agent should have been heard of. What is expected is
// reckoned from the newest ping, as ping services do: nobody says for which instant one is.
func (e *entry) judgePings() {
	s := e.state()
	last := s.Since
	if r := e.Newest; r != nil {
		last = later(last, r.Started)
		last = later(last, r.Finished)
		if r.State == crontopus.RunRunning {
			e.started(r)
		}
	}
	e.judgeRunning()
	due, ok := e.nextPing(last)
	if !ok {
		return
	}
	for n := 0; !e.Now.Before(e.pingBy(due)) && n < mostDue; n++ {
		if due.After(s.TakenUp) {
			s.TakenUp, s.Late = due, time.Time{}
			e.miss(due, nil)
		}
		if due, ok = e.nextPing(due); !ok {
			return
		}
	}
	e.lookBy(e.pingBy(due))
	e.judgeLatePing(due)
}

// judgeLatePing finds whether the ping that is expected next is late already. What was looked at as late and
// is expected no more has come: as a run that went well it need not have been a signal.
func (e *entry) judgeLatePing(due time.Time) {
	s, late := e.state(), e.lateAfter()
	if r := e.Newest; !s.Late.IsZero() && !s.Late.Equal(due) && r != nil {
		e.begun(r)
	}
	if late == 0 || !s.Late.IsZero() {
		return
	}
	if by := later(due, &e.UpSince).Add(late); e.Now.Before(by) {
		e.lookBy(by)
		return
	}
	s.Late = due
	e.lookBy(e.Now.Add(recentlyAgain)) // a ping that came meanwhile was no signal
	if e.incident() == nil {
		e.open(crontopus.AlertLateStart, causeOfLateStart(e, due))
	}
}

// pingBy is until when a ping is waited for. Who pinged in vain while we were away may do it again.
func (e *entry) pingBy(due time.Time) time.Time {
	return later(due, &e.UpSince).Add(e.job.Spec.Monitor.Grace.Std())
}

// unannounced reports whether a run may begin, and take too long, at any time: of a job that an agent
// runs it is known when to look for one.
func (e *entry) unannounced() bool {
	return e.Look.Watch.AgentID == "" && e.job.Spec.Monitor.MaxDuration > 0
}

// nextPing is when the next ping is expected after one, or after one that did not come.
func (e *entry) nextPing(after time.Time) (time.Time, bool) {
	if e.set == nil {
		every := e.job.Spec.Every.Std()
		return after.Add(every), every > 0
	}
	next, ok := e.set.Next(after)
	return next.UTC(), ok
}

func later(t time.Time, other *time.Time) time.Time {
	if other != nil && other.After(t) {
		return *other
	}
	return t
}
