package store

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"crontopus.dev/crontopus"
)

const (
	poolSize     = 16              // connections of one server, unless the URL says pool_max_conns
	connectLimit = 5 * time.Second // for one connection, unless the URL says connect_timeout
	pingLimit    = 2 * time.Second // for a connection that was idle, unless the URL says pool_ping_timeout
	attempts     = 8               // of a transaction that others got in the way of
	setupLock    = 0x63726f6e      // the advisory lock under which one server prepares the database
)

// postgresEngine runs on a PostgreSQL that other servers may share. Writers run under READ
// COMMITTED: what one of them reads in order to change it, it locks (ForUpdate), the rows of
// sources, tokens and agents before those of tenants, and those before marks.
type postgresEngine struct {
	pool    *pgxpool.Pool
	self    string // in what this server tells the others
	channel string // of what servers on this database tell one another

	inserter *river.Client[pgx.Tx]
}

// openPostgres connects as a role that row-level security binds.
func openPostgres(ctx context.Context, database string) (*postgresEngine, error) {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "the database's address cannot be read: %w", err). // without its password
															WithHint("write it as postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full")
	}
	if !says(database, "pool_max_conns") {
		config.MaxConns = poolSize
	}
	if !says(database, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectLimit
	}
	if !says(database, "pool_ping_timeout") {
		config.PingTimeout = pingLimit
	}
	for name, value := range map[string]string{
		"application_name":                    "crontopus",
		"standard_conforming_strings":         "on",  // quote depends on it
		"idle_in_transaction_session_timeout": "60s", // a server that vanished holds its locks no longer
	} {
		if _, said := config.ConnConfig.RuntimeParams[name]; !said {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	config.AfterConnect = waitForTheDisk
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, postgresError(err)
	}
	e := &postgresEngine{pool: pool, self: rand.Text()}
	if err = e.check(ctx, config.ConnConfig); err == nil {
		e.inserter, err = postgresInserter(pool)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return e, nil
}

// waitForTheDisk lets a commit of this connection be answered once it is written, whatever the role's or
// the database's setting says; one that asks for more than that stays.
func waitForTheDisk(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// HoldsInstallation reports whether a PostgreSQL database has been prepared by a server
// before. It changes nothing.
func HoldsInstallation(ctx context.Context, database string) (held bool, err error) {
	e, err := openPostgres(ctx, database)
	if err != nil {
		return false, err
	}
	defer e.pool.Close()
	err = e.pool.QueryRow(ctx, "SELECT to_regclass('installation') IS NOT NULL").Scan(&held)
	return held, postgresError(err)
}

// says reports whether the address has the parameter, as a URL or as words.
func says(database, parameter string) bool {
	u, err := url.Parse(database)
	return (err == nil && u.Query().Has(parameter)) || strings.Contains(database, parameter+"=")
}

// check refuses a database that would not keep what the store promises.
func (e *postgresEngine) check(ctx context.Context, config *pgx.ConnConfig) error {
	var free, forgets bool
	var encoding string
	err := e.pool.QueryRow(ctx, `
		SELECT rolsuper OR rolbypassrls, current_setting('server_encoding'),
			current_setting('fsync') = 'off' AND COALESCE(current_setting('crontopus.throw_away', true), '') <> 'on',
			'crontopus_' || md5(COALESCE(current_schema(), ''))
		FROM pg_roles WHERE rolname = current_user`).Scan(&free, &encoding, &forgets, &e.channel)
	if err != nil {
		known := postgresError(err)
		return crontopus.Errorf(crontopus.ErrorCode(known), "cannot use the database %q at %s:%d as %q: %w",
			config.Database, config.Host, config.Port, config.User, err).
			WithHint("look whether it runs and the address is right; a role and a database for this server are made with:\n%s", RoleSQL)
	}
	switch {
	case free:
		return crontopus.Errorf(crontopus.CodeForbidden,
			"the database's role %q is a superuser or has BYPASSRLS, so nothing would keep tenants apart", config.User).
			WithHint("connect as a role of its own, made with:\n%s", RoleSQL)
	case encoding != "UTF8":
		return crontopus.Errorf(crontopus.CodeUnsupported, "the database %q is encoded in %s, not UTF8", config.Database, encoding).
			WithHint("make it with:\n%s", RoleSQL)
	case forgets:
		return crontopus.Errorf(crontopus.CodeUnsupported, "the PostgreSQL at %s:%d does not wait for its disk (fsync is off), so a power cut takes what was answered for, or the whole database",
			config.Host, config.Port).
			WithHint("turn it on: ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf(); a server for tests, which may lose everything, says crontopus.throw_away = on in its postgresql.conf")
	}
	return nil
}

// RoleSQL makes a role that row-level security binds and a database that is its own.
const RoleSQL = `CREATE ROLE crontopus LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE PASSWORD 'choose one';
CREATE DATABASE crontopus OWNER crontopus TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE crontopus FROM PUBLIC;
ALTER ROLE crontopus IN DATABASE crontopus SET synchronous_commit = on;`

// prepare holds a lock of the database meanwhile, since several servers may start at once.
func (e *postgresEngine) prepare(ctx context.Context, log *slog.Logger, setUp func(tx) error) (err error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return postgresError(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", setupLock); err != nil {
		return postgresError(err)
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", setupLock)
		err = errors.Join(err, postgresError(unlock))
	}()
	db := stdlib.OpenDBFromPool(e.pool)
	defer db.Close()
	if err := migrate(ctx, goose.DialectPostgres, db, log); err != nil {
		return err
	}
	if err := migrateQueue(ctx, riverpgxv5.New(e.pool), log); err != nil {
		return err
	}
	return e.write(ctx, scopeSetup, setUp)
}

func (e *postgresEngine) read(ctx context.Context, s scope, fn func(tx) error) error {
	return e.repeat(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", s, fn)
}

func (e *postgresEngine) write(ctx context.Context, s scope, fn func(tx) error) error {
	return e.repeat(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", s, fn)
}

// repeat runs fn again from the start when another transaction got in its way.
func (e *postgresEngine) repeat(ctx context.Context, begin string, s scope, fn func(tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	for n := 1; ; n++ {
		err := e.transact(ctx, begin, s, fn)
		if !errors.Is(err, errRaced) || n == attempts || ctx.Err() != nil {
			return err
		}
	}
}

// indexed lets a batch find its few hundred rows by their keys. The planner may remember
// tables as small as they were when it first saw them, and would read them whole, for each
// row of the batch.
const indexed = ", set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true)" +
	", set_config('enable_mergejoin', 'off', true), set_config('enable_material', 'off', true)"

// transact names the scope in the round trip of BEGIN. It ends with the transaction.
func (e *postgresEngine) transact(ctx context.Context, begin string, s scope, fn func(tx) error) error {
	begin += "; SELECT set_config('crontopus.tenant', " + quote(s.setting()) + ", true)"
	if s == scopeIngest || s == scopeLook {
		begin += indexed
	}
	t, err := e.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return unavailable(err) // whatever it is: a copy that only reads refuses to begin a write, for example
	}
	if err := fn(postgresTx{t, e}); err != nil {
		rollback(ctx, t)
		return err
	}
	return postgresError(t.Commit(ctx)) // one that fails has ended the transaction, or its connection
}

// rollback ends a transaction, whose connection goes where the database does not answer.
func rollback(ctx context.Context, t pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingLimit)
	defer cancel()
	_ = t.Rollback(ctx) // the error that matters is the one before
}

// setting is what the policies compare tenants with.
func (s scope) setting() string {
	switch {
	case s.system != "":
		return "*"
	case s.tenant == "*" || strings.ContainsRune(string(s.tenant), 0):
		return "" // no tenant's name, and nobody's rows
	}
	return strings.ToValidUTF8(string(s.tenant), "")
}

// quote writes a string literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// writers lets one gather, and one work, while another waits for the disk.
func (e *postgresEngine) writers() int { return 3 }

func (e *postgresEngine) alone() bool { return false }

func (e *postgresEngine) ping(ctx context.Context) error { return e.write(ctx, scopeMetrics, idle) }

func (e *postgresEngine) stats() Stats {
	s := e.pool.Stat()
	return Stats{Pools: []Pool{{Name: "postgres", Most: int(s.MaxConns()), Open: int(s.TotalConns()), InUse: int(s.AcquiredConns()),
		Waits: s.EmptyAcquireCount(), WaitedFor: s.EmptyAcquireWaitTime()}}}
}

func (e *postgresEngine) close() error {
	e.pool.Close()
	return nil
}

// postgresTx is tx on pgx.
type postgresTx struct {
	t pgx.Tx
	e *postgresEngine
}

func (p postgresTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := p.t.Exec(ctx, query, args...)
	return tag.RowsAffected(), postgresError(err)
}

func (p postgresTx) Query(ctx context.Context, query string, args ...any) (rows, error) {
	found, err := p.t.Query(ctx, query, args...)
	if err != nil {
		return nil, postgresError(err)
	}
	return postgresRows{found}, nil
}

func (p postgresTx) QueryRow(ctx context.Context, query string, args ...any) row {
	return postgresRow{p.t.QueryRow(ctx, query, args...)}
}

// ForUpdate does not lock keys, so that rows which refer to this one go on being written.
func (p postgresTx) ForUpdate(alias string) string { return " FOR NO KEY UPDATE OF " + alias }

// Claim leaves out what is locked.
func (p postgresTx) Claim(alias string) string { return p.ForUpdate(alias) + " SKIP LOCKED" }

type postgresRow struct{ r pgx.Row }

func (r postgresRow) Scan(dest ...any) error { return postgresError(r.r.Scan(dest...)) }

type postgresRows struct{ r pgx.Rows }

func (r postgresRows) Next() bool             { return r.r.Next() }
func (r postgresRows) Scan(dest ...any) error { return postgresError(r.r.Scan(dest...)) }
func (r postgresRows) Err() error             { return postgresError(r.r.Err()) }
func (r postgresRows) Close()                 { r.r.Close() }

// postgresError turns an error of PostgreSQL or pgx into one of ours.
func postgresError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoRow
	}
	if known, ok := errors.AsType[*crontopus.Error](err); ok {
		return known
	}
	native, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if _, ours := errors.AsType[pgx.ScanArgError](err); ours {
			return &crontopus.Error{Code: crontopus.CodeInternal, Message: "the database holds what cannot be read", Err: err}
		}
		return unavailable(err) // a connection that was lost or not to be had, a context that ended
	}
	switch native.Code {
	case "23505":
		return &crontopus.Error{Code: crontopus.CodeConflict, Message: "it exists already", Err: err}
	case "23503":
		return &crontopus.Error{Code: crontopus.CodeNotFound, Message: "what it refers to does not exist", Err: err}
	case "22021", "22P05": // characters that are none, NUL
		return &crontopus.Error{Code: crontopus.CodeInvalid, Message: "a text has characters that cannot be stored", Err: err,
			Hint: "write it in UTF-8 without NUL"}
	case "40001", "40P01": // serialization failure, deadlock
		return unavailable(errors.Join(errRaced, err))
	case "0A000":
		if native.Routine == "RevalidateCachedQuery" { // a newer server's migration changed what a statement returns
			return unavailable(errors.Join(errRaced, err))
		}
	case "25006", "25P03", "55P03": // read-only, silent for too long, lock
		return unavailable(err)
	}
	switch native.Code[:2] {
	case "08", "28", "53", "57", "58": // connection, who may connect, resources, shutdown, the system
		return unavailable(err)
	case "XX": // a page that cannot be read, an index that contradicts its table
		return &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "PostgreSQL reports damage", Err: err,
			Hint: "look at PostgreSQL's log; restore the database from a backup if it cannot be repaired"}
	}
	return &crontopus.Error{Code: crontopus.CodeInternal, Message: "the database refused a statement", Err: err}
}
