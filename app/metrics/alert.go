package metrics

import (
	"cmp"
	"time"

	"crontopus.dev/crontopus"
)

// Looked is told by the detector.
func (m *Metrics) Looked(watches int, lag time.Duration) {
	m.looks.Add(float64(watches))
	m.lookLag.Observe(lag.Seconds())
}

// IncidentOpened is told by the detector.
func (m *Metrics) IncidentOpened(kind crontopus.AlertKind) {
	m.incidents.WithLabelValues(string(kind)).Inc()
}

// Detected is told by the detector.
func (m *Metrics) Detected(kind crontopus.AlertKind, lag time.Duration) {
	m.detectionLag.WithLabelValues(string(kind)).Observe(lag.Seconds())
}

// Attempted is told by the deliverer.
func (m *Metrics) Attempted(channel string, state crontopus.NotificationState) {
	m.notifications.WithLabelValues(cmp.Or(channel, goneChannel), outcomeOf(state)).Inc()
}

// goneChannel is the type of a channel that is not in Git any more.
const goneChannel = "none"

func outcomeOf(attempt crontopus.NotificationState) string {
	if attempt == crontopus.NotificationPending {
		return "again"
	}
	return string(attempt)
}
