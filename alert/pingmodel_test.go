package alert_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// pingModel is what a job that pings should be said of, reckoned from every ping.
type pingModel struct {
	every, grace, most time.Duration // most: 0: as long as it likes
	late               time.Duration // 0: never before it is missed
	heard              time.Time     // of the last ping, or the instant at which none came
	running            time.Time     // since when it runs; zero: it does not
	wrong              bool
	onlyLate           bool      // what is wrong is over as soon as anything is heard
	told               time.Time // the instant that was found to be late
}

// pass lets time pass without a ping.
func (m *pingModel) pass(now time.Time) {
	for due := m.heard.Add(m.every); !now.Before(due.Add(m.grace)); due = m.heard.Add(m.every) {
		m.heard, m.wrong, m.onlyLate = due, true, false
	}
	tooLong, tooLate := m.running.Add(m.most), m.heard.Add(m.every+m.late)
	if due := m.heard.Add(m.every); m.late > 0 && m.late < m.grace && !now.Before(tooLate) && !m.told.Equal(due) {
		m.told = due
		if !m.wrong && (m.most == 0 || m.running.IsZero() || !tooLong.Before(tooLate)) {
			m.wrong, m.onlyLate = true, true
		}
	}
	if m.most > 0 && !m.running.IsZero() && !now.Before(m.running.Add(m.most)) {
		m.wrong = true
	}
}

func (m *pingModel) ping(event crontopus.Event, now time.Time) {
	m.heard = now
	m.wrong, m.onlyLate = m.wrong && !m.onlyLate, false
	switch event {
	case crontopus.EventStart:
		m.running = now
		return
	case crontopus.EventSuccess:
		m.wrong = false
	default:
		m.wrong = true
	}
	m.running = time.Time{}
}

// However pings come, in bursts or long after one another, there is an incident when the model says so.
func TestPingsAndAModelOfThemAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := pingModel{heard: noon,
			every: rapid.SampledFrom([]time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "every"),
			grace: time.Duration(rapid.IntRange(1, 30).Draw(t, "grace")) * time.Minute,
			most:  time.Duration(rapid.IntRange(0, 90).Draw(t, "most")) * time.Minute,
			late:  time.Duration(rapid.IntRange(0, 30).Draw(t, "late")) * time.Minute}
		w := newWorld("", func(j *crontopus.Job) {
			pinged(j)
			j.Spec.Every = crontopus.Duration(m.every)
			j.Spec.Monitor.Grace, j.Spec.Monitor.MaxDuration = crontopus.Duration(m.grace), crontopus.Duration(m.most)
			j.Spec.Monitor.StartDeadline = crontopus.Duration(m.late)
		})
		w.look()
		run := 0
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			lasts := time.Duration(rapid.Int64Range(0, int64(3*m.every)).Draw(t, "wait")).Truncate(time.Millisecond)
			w.until(w.now.Add(lasts), false)
			m.pass(w.now)
			if w.flapping() {
				return // then it takes more to end an incident: a story of its own
			}
			require.Equal(t, m.wrong, w.open(w.entry().ID) != nil, "step %d, after a wait", step)
			for range rapid.IntRange(0, 4).Draw(t, "pings") {
				events := []crontopus.Event{crontopus.EventSuccess, crontopus.EventFailure}
				if m.running.IsZero() {
					events = append(events, crontopus.EventStart)
					run++
				}
				event := rapid.SampledFrom(events).Draw(t, "event")
				w.ping(fmt.Sprint(run), event)
				m.pass(w.now)
				m.ping(event, w.now)
			}
			w.until(w.now.Add(time.Second), false)
			m.pass(w.now)
			if w.flapping() {
				return
			}
			require.Equal(t, m.wrong, w.open(w.entry().ID) != nil, "step %d, after the pings", step)
		}
	})
}

func (w *world) flapping() bool {
	in := w.open(w.entry().ID)
	return in != nil && in.Flapping
}
