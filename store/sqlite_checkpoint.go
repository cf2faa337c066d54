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

func startSQLiteCheckpoints(path string, writer *sql.DB) (*sqliteCheckpoints, error) {
	beside, err := sql.Open("sqlite", sqliteDSN(path, ""))
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
		// The second time for what came during the first, which is less, and so on.
		for _, db := range []*sql.DB{c.beside, c.beside, c.writer} {
			_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)") // or the log grows, and SQLite itself tries again
		}
	}
}

func (c *sqliteCheckpoints) close() error {
	c.stop()
	c.done.Wait()
	return c.beside.Close()
}
