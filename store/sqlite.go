package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"crontopus.dev/crontopus"
)

// readers is how many transactions may read at once. WAL lets them go on beside the one
// writer.
const readers = 8

// sqliteEngine runs on one file. There is one writing connection: SQLite has one writer
// anyhow, and waiting in Go is fair and ends with the context. A scope has no second wall
// here; the queries themselves are the first.
type sqliteEngine struct {
	place          *sqlitePlace
	writer, reader *sqlitePool
	checkpoints    *sqliteCheckpoints
}

// writerLife is after how long the writing connection is made anew. The table of its page cache stays as large
// as the largest transaction has made it, and after that each commit that has split a page looks through all of it:
// a sixth of what pings cost.
const writerLife = 10 * time.Second

// openSQLite opens the database at path, made with mode 0600 if absent.
func openSQLite(ctx context.Context, path string) (*sqliteEngine, error) {
	place, err := takeSQLitePlace(path)
	if err != nil {
		return nil, err
	}
	writer, err := place.open("_txlock=immediate")
	if err != nil {
		return nil, sqliteError(err)
	}
	writer.SetConnMaxLifetime(writerLife)
	reader, err := place.open("_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(sqliteError(err), writer.Close())
	}
	e := &sqliteEngine{place: place, writer: newSQLitePool(writer, 1), reader: newSQLitePool(reader, readers)}
	if e.checkpoints, err = startSQLiteCheckpoints(place, writer); err != nil {
		return nil, errors.Join(sqliteError(err), writer.Close(), reader.Close())
	}
	if err := place.takeLog(ctx, e.checkpoints.beside); err != nil {
		return nil, errors.Join(sqliteError(err), e.close())
	}
	if e.writer.inserter, err = sqliteInserter(e.writer); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// sqliteDSN never makes a file, and sets busy_timeout before the pragmas that may have to wait for a lock. FULL
// makes a commit survive a power cut: what was answered 2xx stays. The log is for sqliteCheckpoints to take in; one
// of 4 GiB, with which that has not kept up, is for whoever commits then. A file that a long reader has made
// grow shrinks to 256 MiB when the log begins anew.
func sqliteDSN(path, more string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=rw&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=temp_store(2)&_pragma=wal_autocheckpoint(1000000)&_pragma=journal_size_limit(268435456)&" + more
}

// prepare relies on the lock of the data folder: no other process has the file open.
func (e *sqliteEngine) prepare(ctx context.Context, log *slog.Logger, setUp func(tx) error) error {
	if err := migrate(ctx, goose.DialectSQLite3, e.writer.DB, log); err != nil {
		if native, ok := errors.AsType[*sqlite.Error](err); ok && isDamage(native) {
			return sqliteError(native)
		}
		return err
	}
	if err := migrateQueue(ctx, riversqlite.New(e.writer.DB), log); err != nil {
		return err
	}
	return e.write(ctx, scopeSetup, func(t tx) error {
		if err := errors.Join(freeLeases(ctx, t), freeDeliveries(ctx, t)); err != nil {
			return err
		}
		return setUp(t)
	})
}

// freeLeases ends what a server held that was killed: there is no other.
func freeLeases(ctx context.Context, t tx) error {
	if _, err := t.Exec(ctx, "UPDATE sources SET lease_owner = '', lease_until = 0, next_attempt_at = 0 WHERE lease_owner <> ''"); err != nil {
		return err
	}
	_, err := t.Exec(ctx, "UPDATE installation SET publisher_owner = '', publisher_until = 0")
	return err
}

func (e *sqliteEngine) read(ctx context.Context, _ scope, fn func(tx) error) error {
	return e.transact(ctx, e.reader, &sql.TxOptions{ReadOnly: true}, fn)
}

func (e *sqliteEngine) write(ctx context.Context, _ scope, fn func(tx) error) error {
	if err := e.transact(ctx, e.writer, nil, fn); err != nil {
		return err
	}
	e.checkpoints.wrote.Send()
	return e.place.check()
}

func (e *sqliteEngine) writers() int { return 1 }

func (e *sqliteEngine) alone() bool { return true }

func (e *sqliteEngine) ping(ctx context.Context) error {
	return errors.Join(e.write(ctx, scopeMetrics, idle), e.read(ctx, scopeMetrics, idle))
}

func (e *sqliteEngine) stats() Stats {
	return Stats{Pools: []Pool{sqlPool("writer", e.writer.DB), sqlPool("reader", e.reader.DB)}, Bytes: fileBytes(e.place.path, e.place.logPath())}
}

// listen hears nothing: no other process has the file open.
func (e *sqliteEngine) listen(ctx context.Context, _ *slog.Logger, _ func(Change), _ func(context.Context) error) error {
	<-ctx.Done()
	return nil
}

func (e *sqliteEngine) close() error {
	return sqliteError(errors.Join(e.checkpoints.close(), e.reader.Close(), e.writer.Close()))
}

func (e *sqliteEngine) transact(ctx context.Context, pool *sqlitePool, opts *sql.TxOptions, fn func(tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	if err := pool.keep(ctx); err != nil {
		return sqliteError(err)
	}
	t, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return sqliteError(err)
	}
	defer t.Rollback() //nolint:errcheck // after Commit it says only that it came second
	if err := fn(sqliteTx{t, pool, map[string]*sql.Stmt{}}); err != nil {
		return err
	}
	return sqliteError(t.Commit())
}

// sqliteTx is tx on database/sql.
type sqliteTx struct {
	t        *sql.Tx
	pool     *sqlitePool
	prepared map[string]*sql.Stmt // for this transaction, by its text
}

func (s sqliteTx) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := s.pool.statement(ctx, s.t, query)
	if err != nil {
		return nil, sqliteError(err)
	}
	s.prepared[query] = stmt
	return stmt, nil
}

func (s sqliteTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, sqliteError(err)
	}
	n, err := result.RowsAffected()
	return n, sqliteError(err)
}

func (s sqliteTx) Query(ctx context.Context, query string, args ...any) (rows, error) {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	found, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, sqliteError(err)
	}
	return sqliteRows{found}, nil
}

func (s sqliteTx) QueryRow(ctx context.Context, query string, args ...any) row {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return failedRow{err}
	}
	return sqliteRow{stmt.QueryRowContext(ctx, args...)}
}

// Tell has nobody to tell.
func (s sqliteTx) Tell(context.Context, Change) error { return nil }

// ForUpdate has nothing to add: there is one writer.
func (s sqliteTx) ForUpdate(string) string { return "" }

// Claim has nothing to leave out: there is one writer.
func (s sqliteTx) Claim(string) string { return "" }

// failedRow is a row that could not be asked for.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

type sqliteRow struct{ r *sql.Row }

func (r sqliteRow) Scan(dest ...any) error { return sqliteError(r.r.Scan(dest...)) }

type sqliteRows struct{ r *sql.Rows }

func (r sqliteRows) Next() bool             { return r.r.Next() }
func (r sqliteRows) Scan(dest ...any) error { return sqliteError(r.r.Scan(dest...)) }
func (r sqliteRows) Err() error             { return sqliteError(r.r.Err()) }
func (r sqliteRows) Close()                 { _ = r.r.Close() } // its error is Err's

// sqliteError turns an error of SQLite or database/sql into one of ours.
func sqliteError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return errNoRow
	}
	if known, ok := errors.AsType[*crontopus.Error](err); ok {
		return known
	}
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return unavailable(err)
	}
	native, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return unavailable(err) // a closed database, a file that went away
	}
	switch native.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &crontopus.Error{Code: crontopus.CodeConflict, Message: "it exists already", Err: err}
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return &crontopus.Error{Code: crontopus.CodeNotFound, Message: "what it refers to does not exist", Err: err}
	}
	if isDamage(native) {
		return &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the database file is damaged, or not a database", Err: err,
			Hint: "restore it from a backup"}
	}
	switch native.Code() & 0xff { // without the extended part
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM:
		return unavailable(err)
	}
	return &crontopus.Error{Code: crontopus.CodeInternal, Message: "the database refused a statement", Err: err}
}

func isDamage(err *sqlite.Error) bool {
	code := err.Code() & 0xff
	return code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_CORRUPT
}

func unavailable(err error) error {
	return &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the database is not available", Err: err,
		Hint: "try again; if it lasts, look at the server's log, its disk and its data folder"}
}
