package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// Watched is what is looked at when somebody asks for the metrics.
type Watched struct {
	Waiting  func() int         // agents in long polls
	CheckIns func() int         // that wait to be committed
	Stats    func() store.Stats // of the database
	Tally    func(context.Context) (store.Tally, error)
	Now      func() time.Time
}

const (
	countTimeout = 2 * time.Second // for which counting may hold up the page
	countEvery   = 5 * time.Second // however often, and by however many, the page is asked for
)

// Watch adds what is looked at. It is called once.
func (m *Metrics) Watch(w Watched) { m.registry.MustRegister(&watch{Watched: w}) }

// watch collects Watched.
type watch struct {
	Watched
	counting sync.Mutex
	counted  time.Time // when tally was
	tally    store.Tally
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	descWaiting   = desc("agents_waiting", "Agents that wait in a long poll.")
	descQueue     = desc("queue_depth", "How much waits: sources for a sync, agents for their bundle, check-ins for their commit, watches and incidents (at most 10000 are counted) for a look, notifications for an attempt, and later ones for the next.", "queue")
	descAgents    = desc("agents", "Agents that are not revoked, by state: online, offline (not heard of for 3 minutes), never_seen.", "state")
	descIncidents = desc("incidents_open", "Incidents that have not ended, by kind.", "kind")
	descOpen      = desc("database_connections", "Open connections to the database.", "pool")
	descInUse     = desc("database_connections_in_use", "Connections to the database that are at work.", "pool")
	descMost      = desc("database_connections_limit", "How many connections to the database there may be.", "pool")
	descWaits     = desc("database_waits_total", "How often something had to wait for a connection to the database.", "pool")
	descWaitedFor = desc("database_wait_seconds_total", "How long was waited for connections to the database, all together.", "pool")
	descBytes     = desc("database_size_bytes", "Size of the database's files on this machine.")
)

// Describe sends every description.
func (w *watch) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWaiting, descQueue, descAgents, descIncidents, descOpen, descInUse, descMost, descWaits, descWaitedFor, descBytes} {
		out <- d
	}
}

// Collect looks.
func (w *watch) Collect(out chan<- prometheus.Metric) {
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
	tally, err := w.count()
	if err != nil {
		out <- prometheus.NewInvalidMetric(descQueue, err)
		return
	}
	for queue, depth := range map[string]int{
		"due_sources": tally.DueSources, "marked_agents": tally.MarkedAgents, "due_watches": tally.DueWatches, "due_incidents": tally.DueIncidents,
		"notifications": tally.Notifications, "notifications_later": tally.TriedAgain,
	} {
		gauge(descQueue, float64(depth), queue)
	}
	gauge(descAgents, float64(tally.Agents.Online), "online")
	gauge(descAgents, float64(tally.Agents.Offline), "offline")
	gauge(descAgents, float64(tally.Agents.NeverSeen), "never_seen")
	for _, kind := range crontopus.AlertKinds {
		gauge(descIncidents, float64(tally.Incidents[kind]), string(kind))
	}
}

// count asks the database, now and then.
func (w *watch) count() (store.Tally, error) {
	w.counting.Lock()
	defer w.counting.Unlock()
	if now := w.Now(); w.counted.IsZero() || now.Sub(w.counted).Abs() >= countEvery {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
		defer cancel()
		tally, err := w.Tally(ctx)
		if err != nil {
			return tally, err
		}
		w.tally, w.counted = tally, now
	}
	return w.tally, nil
}
