package metrics

import (
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
