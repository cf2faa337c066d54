package store

import (
	"context"
	"database/sql"
	"os"
	"time"
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

// Backlog is how much waits for the syncer and the publisher.
type Backlog struct{ DueSources, MarkedAgents int }

// SystemBacklog counts what is due now, over all tenants.
func (s *Store) SystemBacklog(ctx context.Context, now time.Time) (b Backlog, err error) {
	err = s.engine.read(ctx, scopeMetrics, func(t tx) error {
		if err := t.QueryRow(ctx, "SELECT count(*) FROM sources "+whereDue, micros(now)).Scan(&b.DueSources); err != nil {
			return err
		}
		return t.QueryRow(ctx, "SELECT count(*) FROM publish_marks WHERE pending = 1").Scan(&b.MarkedAgents)
	})
	return b, err
}
