package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crontopus.dev/crontopus/store"
)

// Watched is what is looked at when somebody asks for the metrics.
type Watched struct {
	Waiting  func() int         // agents in long polls
	CheckIns func() int         // that wait to be committed
	Stats    func() store.Stats // of the database
	Backlog  func(context.Context) (store.Backlog, error)
}

// countTimeout is how long counting a backlog may hold up the page.
const countTimeout = 2 * time.Second

// Watch adds what is looked at. It is called once.
func (m *Metrics) Watch(w Watched) { m.registry.MustRegister(watch{w}) }

// watch collects Watched.
type watch struct{ Watched }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	descWaiting   = desc("agents_waiting", "Agents that wait in a long poll.")
	descQueue     = desc("queue_depth", "How much waits: sources that are due for a sync, agents that are marked for the publisher, check-ins before their commit.", "queue")
	descOpen      = desc("database_connections", "Open connections to the database.", "pool")
	descInUse     = desc("database_connections_in_use", "Connections to the database that are at work.", "pool")
	descMost      = desc("database_connections_limit", "How many connections to the database there may be.", "pool")
	descWaits     = desc("database_waits_total", "How often something had to wait for a connection to the database.", "pool")
	descWaitedFor = desc("database_wait_seconds_total", "How long was waited for connections to the database, all together.", "pool")
	descBytes     = desc("database_size_bytes", "Size of the database's files on this machine.")
)

// Describe sends every description.
func (w watch) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWaiting, descQueue, descOpen, descInUse, descMost, descWaits, descWaitedFor, descBytes} {
		out <- d
	}
}

// Collect looks.
func (w watch) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}
	gauge(descWaiting, float64(w.Waiting()))
	gauge(descQueue, float64(w.CheckIns()), "check_ins")
	stats := w.Stats()
	for _, p := range stats.Pools {
		gauge(descOpen, float64(p.Open), p.Name)
		gauge(descInUse, float64(p.InUse), p.Name)
		gauge(descMost, float64(p.Most), p.Name)
		counter(descWaits, float64(p.Waits), p.Name)
		counter(descWaitedFor, p.WaitedFor.Seconds(), p.Name)
	}
	if stats.Bytes > 0 {
		gauge(descBytes, float64(stats.Bytes))
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	backlog, err := w.Backlog(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(descQueue, err)
		return
	}
	gauge(descQueue, float64(backlog.DueSources), "due_sources")
	gauge(descQueue, float64(backlog.MarkedAgents), "marked_agents")
}
