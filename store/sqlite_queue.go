package store

import (
	"context"
	"database/sql"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// sqliteInserter is a client of the queue that only adds to it, in transactions that there
// are: one of its own would wait for the writer that they hold.
func sqliteInserter(writer *sqlitePool) (*river.Client[*sql.Tx], error) {
	return river.NewClient(riversqlite.New(writer.DB), &river.Config{})
}

// queue returns a client that takes from the queue, once a second: River's way to hear of
// what is added asks twenty times as often, and each time needs the one writer.
func (e *sqliteEngine) queue(config *river.Config) (queueClient, error) {
	config.PollOnly = true
	return river.NewClient(riversqlite.New(e.writer.DB), config)
}

// freeDeliveries gives back what a server had in its hands that was killed: there is no other.
func freeDeliveries(ctx context.Context, t tx) error {
	_, err := t.Exec(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
	return err
}

func (s sqliteTx) Enqueue(ctx context.Context, job deliverJob, opts *river.InsertOpts) error {
	_, err := s.pool.inserter.InsertTx(ctx, s.t, job, opts)
	return sqliteError(err)
}
