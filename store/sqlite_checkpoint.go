package store

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"crontopus.dev/crontopus/internal/loop"
)

// checkpointPause is how long what was written gathers in the log. A page that is written many times
// goes to the database once.
const checkpointPause = 500 * time.Millisecond

// sqliteCheckpoints takes SQLite's log into the database beside the writer, whom all that has gathered
// would hold up. What came meanwhile it takes in on the writing connection, when its turn comes: the log
// begins anew only where nothing is left in it (https://www.sqlite.org/wal.html).
type sqliteCheckpoints struct {
	beside *sql.DB
	writer *sql.DB
	wrote  loop.Signal
	stop   context.CancelFunc
	done   sync.WaitGroup
}

func startSQLiteCheckpoints(place *sqlitePlace, writer *sql.DB) (*sqliteCheckpoints, error) {
	beside, err := place.open("")
	if err != nil {
		return nil, err
	}
	beside.SetMaxOpenConns(1)
	ctx, stop := context.WithCancel(context.Background())
	c := &sqliteCheckpoints{beside: beside, writer: writer, wrote: loop.NewSignal(), stop: stop}
	c.done.Go(func() { c.run(ctx) })
	return c, nil
}

func (c *sqliteCheckpoints) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wrote:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkpointPause):
		}
		c.takeIn(ctx)
	}
}

const (
	passesBeside = 10   // at most: each takes in what came during the one before, which is less, unless the disk cannot keep up
	fewPages     = 1500 // do not hold up the writer
)

// takeIn ends on the writing connection, with what little has come since.
func (c *sqliteCheckpoints) takeIn(ctx context.Context) {
	before := int64(0)
	for range passesBeside {
		var busy, logged, taken int64 // in pages, since the log began
		err := c.beside.QueryRowContext(ctx, takeInLog).Scan(&busy, &logged, &taken)
		if err != nil || taken-before < fewPages {
			break // or the log grows, and SQLite itself tries again
		}
		before = taken
	}
	_, _ = c.writer.ExecContext(ctx, takeInLog) // likewise
}

const takeInLog = "PRAGMA wal_checkpoint(PASSIVE)"

func (c *sqliteCheckpoints) close() error {
	c.stop()
	c.done.Wait()
	return c.beside.Close()
}
