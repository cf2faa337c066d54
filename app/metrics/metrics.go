// Package metrics is what the server tells Prometheus: the instruments, and the page that
// shows them. Each label takes few values, whatever callers, repositories and tenants do.
//
// The parts that are measured do not know it: each declares what it tells, and app hands
// it a Metrics. It imports the root and store.
package metrics

import (
	"cmp"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"crontopus.dev/crontopus"
)

const namespace = "crontopus"

// Metrics holds the instruments of one server, in a registry of its own.
type Metrics struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	checkIns       *prometheus.CounterVec
	syncs          *prometheus.CounterVec
	syncSeconds    prometheus.Histogram
	stageSeconds   *prometheus.HistogramVec
	bundles        prometheus.Counter
	publishSeconds prometheus.Histogram
	looks          prometheus.Counter
	lookLag        prometheus.Histogram
	incidents      *prometheus.CounterVec
	detectionLag   *prometheus.HistogramVec
	notifications  *prometheus.CounterVec
}

// Buckets of durations: of what takes milliseconds, waiting polls among them, and of what
// talks to a forge.
var (
	quick = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	slow  = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}
)

// New returns the instruments of a server of the version.
func New(version string) *Metrics {
	m := &Metrics{
		registry:       prometheus.NewRegistry(),
		requests:       counters("http_requests_total", "HTTP requests by method, route and class of status; gone: the caller went away first.", "method", "route", "status"),
		requestSeconds: histograms("http_request_duration_seconds", "How long HTTP requests took, by route; polls of agents wait by design.", quick, "route"),
		checkIns:       counters("check_ins_total", "Check-ins by event and outcome: recorded, or the code of the refusal.", "event", "outcome"),
		syncs:          counters("syncs_total", "Syncs that ended, by the reason of the source's condition.", "reason"),
		syncSeconds:    histogram("sync_duration_seconds", "How long syncs took, from start to commit.", slow),
		stageSeconds:   histograms("sync_stage_duration_seconds", "How long each stage of syncs took.", slow, "stage"),
		bundles:        prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "bundles_published_total", Help: "Bundles signed and stored."}),
		publishSeconds: histogram("publish_duration_seconds", "How long it took to compile, sign and store the bundles of one batch of agents.", quick),
	}
	m.looks = prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "watches_looked_at_total", Help: "Watches whose time had come, and that were judged."})
	m.lookLag = histogram("look_lag_seconds", "How late the first watch of each batch was looked at.", quick)
	m.incidents = counters("incidents_opened_total", "Incidents that began, by kind.", "kind")
	m.detectionLag = histograms("detection_lag_seconds", "From the end of a run's grace (missed) or start deadline (lateStart) to the incident, waiting for the host's word included.", slow, "kind")
	m.notifications = counters("notification_attempts_total", "Attempts to deliver notifications, by type of channel and outcome: delivered, again (it is tried later), failed (it is given up).", "channel", "outcome")
	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.requestSeconds, m.checkIns, m.syncs, m.syncSeconds, m.stageSeconds, m.bundles, m.publishSeconds,
		m.looks, m.lookLag, m.incidents, m.detectionLag, m.notifications,
		build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.showZeros()
	return m
}

// showZeros has counters that alerts go by begin at zero: else the first failure would be no increase.
func (m *Metrics) showZeros() {
	for _, event := range []crontopus.Event{crontopus.EventStart, crontopus.EventSuccess, crontopus.EventFailure, crontopus.EventTimeout, crontopus.EventSkipped} {
		for _, outcome := range []string{"recorded", crontopus.CodeUnavailable, crontopus.CodeInternal} {
			m.checkIns.WithLabelValues(string(event), outcome)
		}
	}
	for _, channel := range []string{crontopus.ChannelSlack, crontopus.ChannelEmail, crontopus.ChannelPagerDuty, crontopus.ChannelWebhook, goneChannel} {
		for _, outcome := range []crontopus.NotificationState{crontopus.NotificationDelivered, crontopus.NotificationPending, crontopus.NotificationFailed} {
			m.notifications.WithLabelValues(channel, outcomeOf(outcome))
		}
	}
	for _, kind := range crontopus.AlertKinds {
		m.incidents.WithLabelValues(string(kind))
	}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

// Handler shows the metrics. What cannot be read, such as a queue in a database that is
// away, is left out; the rest is there.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

// Request is told by the API.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	class := "gone"
	if status > 0 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.requests.WithLabelValues(method, route, class).Inc()
	m.requestSeconds.WithLabelValues(route).Observe(took.Seconds())
}

// CheckIn is told by the API.
func (m *Metrics) CheckIn(event crontopus.Event, outcome string) {
	m.checkIns.WithLabelValues(cmp.Or(string(event), "unknown"), outcome).Inc()
}

// Synced is told by the syncer.
func (m *Metrics) Synced(s crontopus.Sync) {
	m.syncs.WithLabelValues(s.Reason).Inc()
	last := s.Started
	for _, stage := range s.Stages {
		m.stageSeconds.WithLabelValues(stage.Name).Observe(since(last, stage.At))
		last = stage.At
	}
	m.syncSeconds.Observe(since(s.Started, last))
}

// since is never negative: the server's clock may have been set back.
func since(from, to time.Time) float64 { return max(0, to.Sub(from)).Seconds() }

// Published is told by the publisher.
func (m *Metrics) Published(bundles int, took time.Duration) {
	m.bundles.Add(float64(bundles))
	m.publishSeconds.Observe(took.Seconds())
}
