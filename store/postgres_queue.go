package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// postgresInserter is a client of the queue that only adds to it.
func postgresInserter(pool *pgxpool.Pool) (*river.Client[pgx.Tx], error) {
	return river.NewClient(riverpgxv5.New(pool), &river.Config{})
}

// queue returns a client that takes from the queue. It hears of what is added, by any server,
// over one connection of the pool that it keeps.
func (e *postgresEngine) queue(config *river.Config) (queueClient, error) {
	return river.NewClient(riverpgxv5.New(e.pool), config)
}

func (p postgresTx) Enqueue(ctx context.Context, job deliverJob, opts *river.InsertOpts) error {
	_, err := p.e.inserter.InsertTx(ctx, p.t, job, opts)
	return postgresError(err)
}
