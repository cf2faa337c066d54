package store

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"crontopus.dev/crontopus/internal/loop"
)

// checkpointPause is how long what was written gathers in the log. A page that is written many times
// goes to the database once.
const checkpointPause = 500 * time.Millisecond

// sqliteCheckpoints takes SQLite's log into the database beside the writer, whom all that has gathered
// would hold up. What came meanwhile the writer takes in itself: the log begins anew only where nothing
// is left in it (https://www.sqlite.org/wal.html).
type sqliteCheckpoints struct {
	db    *sql.DB
	wrote loop.Signal
	rest  atomic.Bool // the writer is to take in the rest
	stop  context.CancelFunc
	done  sync.WaitGroup
}

const passive = "PRAGMA wal_checkpoint(PASSIVE)"

func startSQLiteCheckpoints(path string) (*sqliteCheckpoints, error) {
	db, err := sql.Open("sqlite", sqliteDSN(path, ""))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ctx, stop := context.WithCancel(context.Background())
	c := &sqliteCheckpoints{db: db, wrote: loop.NewSignal(), stop: stop}
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
		for range 2 { // the second time for what came during the first, which is less
			_, _ = c.db.ExecContext(ctx, passive) // the log grows, and SQLite itself tries again
		}
		c.rest.Store(true)
	}
}

// written is called after each commit, by the one who has the writing connection.
func (c *sqliteCheckpoints) written(ctx context.Context, writer *sqlitePool) {
	if c.rest.CompareAndSwap(true, false) {
		_, _ = writer.ExecContext(ctx, passive)
		return
	}
	c.wrote.Send()
}

func (c *sqliteCheckpoints) close() error {
	c.stop()
	c.done.Wait()
	return c.db.Close()
}
