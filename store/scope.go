package store

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"crontopus.dev/crontopus"
)

// scope says whose rows a transaction may touch: one tenant's, or everybody's under a
// name that tells why. An engine with row-level security enforces it.
type scope struct {
	tenant crontopus.TenantID
	system string
}

// tenantScope is the scope of one tenant.
func tenantScope(id crontopus.TenantID) scope { return scope{tenant: id} }

// The scopes that look across tenants.
var (
	scopeSetup       = scope{system: "setup"}       // the installation and its tenants
	scopeCredentials = scope{system: "credentials"} // who is asking: before it is known which tenant's
	scopeIngest      = scope{system: "ingest"}      // heartbeats of all agents at once
	scopeDue         = scope{system: "due"}         // which sources are to be synced
	scopePublish     = scope{system: "publish"}     // which agents' bundles are to be compiled
	scopeLook        = scope{system: "look"}        // which watches are to be judged, and all that is known of them
	scopeMetrics     = scope{system: "metrics"}     // how much waits
)

// transactionLimit is how long a transaction may take, the wait for its connection included.
// A database that needs longer counts as away: nobody waits for it without end.
const transactionLimit = 15 * time.Second

// engine runs transactions on one kind of database. fn's error rolls back and is
// returned as it is; errors of the engine itself come back as *crontopus.Error.
type engine interface {
	// prepare brings the schema up to date and runs setUp, while no other process does.
	prepare(ctx context.Context, log *slog.Logger, setUp func(tx) error) error
	read(ctx context.Context, s scope, fn func(tx) error) error
	// write may run fn more than once: whatever fn keeps, it keeps anew each time.
	write(ctx context.Context, s scope, fn func(tx) error) error
	// writers is how many transactions of check-ins are worth being under way at once.
	writers() int
	// alone reports whether no other process writes to the database, and no other transaction beside one that does.
	alone() bool
	// ping reads and writes nothing, and fails where reading or writing would.
	ping(ctx context.Context) error
	stats() Stats
	// listen tells hear what other processes tell of their transactions, until ctx ends.
	// catchUp is called whenever some of it may have been missed.
	listen(ctx context.Context, log *slog.Logger, hear func(Change), catchUp func(context.Context) error) error
	// queue returns a client that works what transactions have enqueued.
	queue(config *river.Config) (queueClient, error)
	close() error
}

// idle is the work of a transaction that only finds out whether there can be one.
func idle(tx) error { return nil }

// tx is the whole surface that queries see: SQL with $1 parameters on a transaction of a
// scope.
type tx interface {
	// Exec returns how many rows it touched.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	Query(ctx context.Context, query string, args ...any) (rows, error)
	// QueryRow's Scan returns errNoRow where there is none.
	QueryRow(ctx context.Context, query string, args ...any) row
	// ForUpdate ends a SELECT of rows that fn is about to change because of what it reads:
	// nobody else changes those of the alias meanwhile.
	ForUpdate(alias string) string
	// Claim ends a SELECT of rows that fn is about to work on: those of the alias that another
	// transaction works on are left out.
	Claim(alias string) string
	// Tell lets other servers know, once the transaction is committed.
	Tell(ctx context.Context, c Change) error
	// Enqueue leaves a delivery to be worked on once the transaction is committed.
	Enqueue(ctx context.Context, job deliverJob, opts *river.InsertOpts) error
	// InsertRuns writes those of the runs that are not there yet, and returns them. Of each it notes whether
	// something is wrong with its entry.
	InsertRuns(ctx context.Context, runs []*runKept) ([]*runKept, error)
	// Many spells a query on many values as few statements with their arguments.
	Many(v many, query string) iter.Seq2[string, []any]
}

type row interface {
	Scan(dest ...any) error
}

type rows interface {
	row
	Next() bool
	Err() error
	Close()
}

// errNoRow is what the absence of a row is to every engine. A caller says what was
// looked for.
var errNoRow = &crontopus.Error{Code: crontopus.CodeNotFound, Message: "no such row"}

// errRaced means that another transaction got in the way, and that this one may go well
// when it is run again.
var errRaced = errors.New("another transaction was first")

// collect reads all rows of a query.
func collect[T any](ctx context.Context, t tx, scan func(row, *T) error, query string, args ...any) ([]T, error) {
	found, err := t.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	items := []T{} // never nil: lists go to JSON
	for found.Next() {
		var item T
		if err := scan(found, &item); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, found.Err()
}

// scanOne is the scan of a query with one column.
func scanOne[T any](r row, v *T) error { return r.Scan(v) }

// exists reports whether the query, which selects anything, finds a row.
func exists(ctx context.Context, t tx, query string, args ...any) (bool, error) {
	var n int64
	err := t.QueryRow(ctx, "SELECT count(*) FROM ("+query+") AS found", args...).Scan(&n)
	return n > 0, err
}
