package store

import (
	"context"
	"database/sql"
	"os"
	"time"

	"crontopus.dev/crontopus"
)

// Stats is how the database is used, for who watches it.
type Stats struct {
	Pools []Pool
	Bytes int64 // of the database's files on this machine; 0 where they are elsewhere
}

// Pool is how one pool of connections is used.
type Pool struct {
	Name              string
	Most, Open, InUse int
	Waits             int64         // how often somebody had to wait for a connection
	WaitedFor         time.Duration // how long, all together
}

// SystemStats says how the database is used; it asks the database nothing.
func (s *Store) SystemStats() Stats { return s.engine.stats() }

// sqlPool reads the statistics of a pool of database/sql.
func sqlPool(name string, db *sql.DB) Pool {
	s := db.Stats()
	return Pool{Name: name, Most: s.MaxOpenConnections, Open: s.OpenConnections, InUse: s.InUse, Waits: s.WaitCount, WaitedFor: s.WaitDuration}
}

// fileBytes is the size of files together; one that is not there has none.
func fileBytes(paths ...string) (sum int64) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// Tally is what is counted over all tenants, for who watches the server.
type Tally struct {
	DueSources, MarkedAgents  int // wait for the syncer and the publisher
	DueWatches, DueIncidents  int // wait for the detector and the router; those are counted up to mostTallied
	Notifications, TriedAgain int // wait to be delivered now, and for the next attempt
	Agents                    crontopus.AgentCounts
	Incidents                 map[crontopus.AlertKind]int // open ones
}

// mostTallied is where counting a queue ends that may be very long: that it is too long is known by then.
const mostTallied = 10_000

// SystemTally counts how things stand now. It reads what is due, marked, open or queued by
// indexes made for that, and the agents.
func (s *Store) SystemTally(ctx context.Context, now time.Time) (c Tally, err error) {
	err = s.engine.read(ctx, scopeMetrics, func(t tx) error {
		c = Tally{}
		for _, q := range c.queues(now) {
			if err := t.QueryRow(ctx, q.query, q.args...).Scan(q.into); err != nil {
				return err
			}
		}
		if c.Incidents, err = openIncidents(ctx, t, everyOpen); err != nil {
			return err
		}
		c.Agents, err = agentCounts(ctx, t, now, "revoked_at IS NULL")
		return err
	})
	return c, err
}

type queueCount struct {
	into  *int
	query string
	args  []any
}

func (c *Tally) queues(now time.Time) []queueCount {
	return []queueCount{
		{&c.DueSources, "SELECT count(*) FROM sources " + whereDue, []any{micros(now)}},
		{&c.MarkedAgents, "SELECT count(*) FROM publish_marks WHERE pending = 1", nil},
		{&c.DueWatches, "SELECT count(*) FROM (SELECT 1 FROM watches WHERE look_at <= $1 LIMIT $2) AS due", []any{micros(now), mostTallied}},
		{&c.DueIncidents, "SELECT count(*) FROM (SELECT 1 FROM incidents WHERE route_at <= $1 LIMIT $2) AS due", []any{micros(now), mostTallied}},
		{&c.Notifications, "SELECT count(*) FROM river_job WHERE state IN ('available', 'running')", nil},
		{&c.TriedAgain, "SELECT count(*) FROM river_job WHERE state IN ('retryable', 'scheduled')", nil},
	}
}
