package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// away lets the server be away: nobody looks, and the host, which is up, keeps what it has to say.
func (w *world) away(d time.Duration) {
	w.now = w.now.Add(d)
	w.upSince = w.now
}

// What was late, or went on, when the server went away is judged when its agent has told all.
func TestNobodyIsLateOrTooLongBecauseTheServerWasAway(t *testing.T) {
	for name, monitor := range map[string]crontopus.Monitor{
		"a start that was in time": {StartDeadline: crontopus.Duration(2 * time.Minute), Grace: crontopus.Duration(time.Hour)},
		"a run that has ended":     {MaxDuration: crontopus.Duration(5 * time.Minute), Grace: crontopus.Duration(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, func(j *crontopus.Job) { j.Spec.Monitor = monitor })
			due := noon.Add(time.Hour)
			w.until(due.Add(-time.Second), true)
			if monitor.MaxDuration > 0 {
				w.until(due, true)
				w.run(due, crontopus.EventStart)
				w.until(due.Add(30*time.Second), true)
			}
			w.away(20 * time.Minute)
			seen := w.now
			w.agent.Status.LastSeenAt = &seen // and its spool is full
			w.until(w.now.Add(20*time.Second), false)
			require.Empty(t, w.incidents)
			id := "late truth"
			for run := range w.runs {
				id = run
			}
			for i, event := range []crontopus.Event{crontopus.EventStart, crontopus.EventSuccess} {
				w.checkIn(crontopus.CheckIn{RunID: id, Event: event, At: due.Add(time.Duration(i+1) * time.Second), ScheduledFor: &due})
			}
			w.until(due.Add(30*time.Minute), true)
			require.Empty(t, w.incidents)
		})
	}
}

func TestALateStartIsToldOfOnceTheAgentHasToldAll(t *testing.T) {
	w := newWorld(hourly, func(j *crontopus.Job) {
		j.Spec.Monitor = crontopus.Monitor{StartDeadline: crontopus.Duration(2 * time.Minute), Grace: crontopus.Duration(time.Hour)}
	})
	due := noon.Add(time.Hour)
	w.until(due.Add(-time.Second), true)
	w.away(20 * time.Minute)
	w.until(w.now.Add(30*time.Second), true)
	require.Equal(t, crontopus.AlertLateStart, w.only(t).Kind)
}

// A ping that nobody could hear is not said to have been missing.
func TestAPingThatTheServerCouldNotHear(t *testing.T) {
	w := newWorld(hourly, func(j *crontopus.Job) {
		j.Spec.Target, j.Spec.Run = crontopus.Target{Ping: true}, crontopus.RunSpec{}
		j.Spec.Monitor.Grace = crontopus.Duration(5 * time.Minute)
	})
	due := noon.Add(time.Hour)
	w.until(due.Add(-time.Minute), false)
	w.away(20 * time.Minute)
	w.until(w.now.Add(4*time.Minute), false)
	require.Empty(t, w.incidents, "who pinged in vain may do it again")
	w.until(w.now.Add(time.Minute), false)
	in := w.only(t)
	require.Equal(t, crontopus.CauseServerAway, in.Cause.Code)
	require.Equal(t, "backup was not heard of at 13:00 UTC: the server itself was away until 13:19 UTC, and could hear no ping", in.Cause.Sentence)
	w.until(due.Add(time.Hour), false)
	w.checkIn(crontopus.CheckIn{RunID: "2", Event: crontopus.EventSuccess, At: w.now})
	w.until(due.Add(2*time.Hour+10*time.Minute), false)
	require.Equal(t, crontopus.ResolvedRecovered, w.incidents[0].Resolution)
	require.Equal(t, crontopus.CauseNoPing, w.incidents[1].Cause.Code, "who could be heard, and was not")
}
