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

// Attempted is told by the deliverer. A channel that is gone has no type.
func (m *Metrics) Attempted(channel string, state crontopus.NotificationState) {
	outcome := string(state)
	if state == crontopus.NotificationPending {
		outcome = "again"
	}
	m.notifications.WithLabelValues(cmp.Or(channel, "none"), outcome).Inc()
}
