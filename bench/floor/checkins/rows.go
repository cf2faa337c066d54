package main

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the driver
)

// table has the columns of a run. Both engines read these types.
const table = `CREATE TABLE runs (tenant_id TEXT NOT NULL, id TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
	agent_id TEXT, at BIGINT NOT NULL, state TEXT NOT NULL, scheduled_for BIGINT, started_at BIGINT, finished_at BIGINT,
	exit_code BIGINT, attempt BIGINT NOT NULL, message TEXT NOT NULL, revision TEXT NOT NULL, output BYTES NOT NULL,
	PRIMARY KEY (tenant_id, id))`

// row spells a check-in as the run that it is.
func (w *waiter) row() []any {
	namespace, name, _ := strings.Cut(w.Job, "/")
	at := w.At.UnixMicro()
	return []any{"default", w.RunID, namespace, name, "agent", at, w.Event, micros(w.ScheduledFor), nil, at, w.ExitCode, w.Attempt, w.Message, w.Revision, w.Output}
}

const columns = 15

// openSQLite writes ten rows with a statement, which is read once.
func openSQLite(path string) (func([]*waiter) error, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(strings.Replace(table, "BYTES", "BLOB", 1)); err != nil {
		return nil, err
	}
	const most = 10
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	var inserts [most + 1]*sql.Stmt
	for n := 1; n <= most; n++ {
		if inserts[n], err = db.Prepare("INSERT INTO runs VALUES " + strings.TrimSuffix(strings.Repeat(one+",", n), ",")); err != nil {
			return nil, err
		}
	}
	return func(batch []*waiter) error {
		t, err := db.Begin()
		if err != nil {
			return err
		}
		defer t.Rollback() //nolint:errcheck // after Commit it says only that it came second
		for len(batch) > 0 {
			n := min(most, len(batch))
			args := make([]any, 0, n*columns)
			for _, w := range batch[:n] {
				args = append(args, w.row()...)
			}
			if _, err := t.Stmt(inserts[n]).Exec(args...); err != nil {
				return err
			}
			batch = batch[n:]
		}
		return t.Commit()
	}, nil
}

// openPostgres writes all rows with one statement.
func openPostgres(ctx context.Context, url string) (func([]*waiter) error, error) {
	if url == "" {
		return nil, nil
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, strings.Replace(table, "BYTES", "BYTEA", 1)); err != nil {
		return nil, err
	}
	return func(batch []*waiter) error {
		var c arrays
		for _, w := range batch {
			c.add(w)
		}
		_, err := pool.Exec(context.WithoutCancel(ctx), `INSERT INTO runs SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
			$6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::bytea[])`,
			c.tenant, c.id, c.namespace, c.name, c.agent, c.at, c.state, c.due, c.began, c.ended, c.code, c.attempt, c.message, c.revision, c.output)
		return err
	}, nil
}

// arrays are a batch, column by column.
type arrays struct {
	tenant, id, namespace, name, agent, state, message, revision []string
	at, ended, attempt                                           []int64
	due, began, code                                             []*int64
	output                                                       [][]byte
}

func (c *arrays) add(w *waiter) {
	namespace, name, _ := strings.Cut(w.Job, "/")
	c.tenant, c.id = append(c.tenant, "default"), append(c.id, w.RunID)
	c.namespace, c.name, c.agent = append(c.namespace, namespace), append(c.name, name), append(c.agent, "agent")
	c.at, c.state = append(c.at, w.At.UnixMicro()), append(c.state, w.Event)
	c.due, c.began, c.ended = append(c.due, micros(w.ScheduledFor)), append(c.began, nil), append(c.ended, w.At.UnixMicro())
	c.code, c.attempt = append(c.code, w.ExitCode), append(c.attempt, w.Attempt)
	c.message, c.revision, c.output = append(c.message, w.Message), append(c.revision, w.Revision), append(c.output, w.Output)
}

func micros(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	n := t.UnixMicro()
	return &n
}
