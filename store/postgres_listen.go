package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"crontopus.dev/crontopus/internal/loop"
)

// How often a connection on which nothing was heard is tried, how long the answer may take,
// and how long a lost one may be waited for. The first two together are how long a server on a
// connection that died silently may still believe an agent that another server has revoked.
const (
	listenProbe    = 2 * time.Second
	listenPatience = 3 * time.Second
	listenBackoff  = 2 * time.Second
)

// Tell is part of the transaction: PostgreSQL delivers it with the commit, or never.
func (p postgresTx) Tell(ctx context.Context, c Change) error {
	for _, payload := range spell(p.e.self, c) {
		if _, err := p.Exec(ctx, "SELECT pg_notify($1, $2)", p.e.channel, payload); err != nil {
			return err
		}
	}
	return nil
}

// listen has a connection of its own, outside the pool, that sees no rows.
func (e *postgresEngine) listen(ctx context.Context, log *slog.Logger, hear func(Change), catchUp func(context.Context) error) error {
	lost := false
	l := loop.Loop{
		Name: "hearing what other servers change", Backoff: loop.Backoff{Min: listenBackoff / 8, Max: listenBackoff}, Log: log,
		Step: func(ctx context.Context) error {
			conn, err := e.startListening(ctx)
			if conn != nil {
				defer hangUp(ctx, conn)
			}
			missed := catchUp(ctx) // after LISTEN: nothing falls between the two
			if err != nil {
				return postgresError(err) // which is why catching up failed, where it did
			}
			if missed != nil {
				return missed
			}
			if lost {
				log.InfoContext(ctx, "what other servers change is heard again")
			}
			lost = true // whenever the next line ends
			return postgresError(e.attend(ctx, conn, hear))
		},
	}
	return l.Run(ctx)
}

func (e *postgresEngine) startListening(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit+listenPatience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, e.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "LISTEN "+pgx.Identifier{e.channel}.Sanitize())
	return conn, err
}

// attend hears until the connection is lost. One that died silently is found out.
func (e *postgresEngine) attend(ctx context.Context, conn *pgx.Conn, hear func(Change)) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, listenProbe)
		n, err := conn.WaitForNotification(waiting)
		quiet := err != nil && waiting.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case quiet:
			probing, cancel := context.WithTimeout(ctx, listenPatience)
			err = conn.Ping(probing)
			cancel()
			if err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if c, ok := heard(n.Payload, e.self); ok {
				hear(c)
			}
		}
	}
}

func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // it says only that it was lost
}
