package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"path"

	"github.com/pressly/goose/v3"

	"crontopus.dev/crontopus"
)

// Census is what a database holds: what a backup is compared with when it is checked.
type Census struct {
	Schema       int64                  `json:"schema"` // the number of its newest migration
	Installation crontopus.Installation `json:"installation"`
	Rows         map[string]int64       `json:"rows"` // by table
}

// Snapshot writes the SQLite database in the file at from, as it is at one moment, into
// the file at to, which is empty. A server may be writing meanwhile: it waits for nobody
// and nobody waits for it.
func Snapshot(ctx context.Context, from, to string) (err error) {
	db, err := sql.Open("sqlite", sqliteDSN(from, "mode=rw")) // rw: a file that is not there is not made
	if err != nil {
		return sqliteError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return sqliteError(err)
}

// Examine reads the SQLite database in a file that nobody writes to: every page and
// reference is checked, then everything is counted. It changes nothing, not even beside the file.
func Examine(ctx context.Context, file string) (c Census, err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&immutable=1")
	if err != nil {
		return c, sqliteError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return c, sqliteError(err)
	}
	if verdict != "ok" {
		return c, damaged(verdict)
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&c.Schema); err != nil {
		return c, sqliteError(err)
	}
	if c.Schema > 0 {
		return c, damaged("rows refer to others that are not there")
	}
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&c.Schema); err != nil {
		return c, damaged("it is no database of Crontopus")
	}
	if knows := newestSchema("migrations/sqlite"); c.Schema > knows {
		return c, newerSchema(c.Schema, knows)
	}
	if err := db.QueryRowContext(ctx, "SELECT id, epoch FROM installation").Scan(&c.Installation.ID, &c.Installation.Epoch); err != nil {
		return c, sqliteError(err)
	}
	c.Rows, err = countRows(ctx, db)
	return c, err
}

func damaged(why string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "the database is damaged: %s", why).WithHint("use another backup")
}

func countRows(ctx context.Context, db *sql.DB) (map[string]int64, error) {
	found, err := db.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
	if err != nil {
		return nil, sqliteError(err)
	}
	defer found.Close()
	counts := map[string]int64{}
	for found.Next() {
		var table string
		if err := found.Scan(&table); err != nil {
			return nil, sqliteError(err)
		}
		counts[table] = 0
	}
	if err := found.Err(); err != nil {
		return nil, sqliteError(err)
	}
	for table := range counts {
		var n int64
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM "`+table+`"`).Scan(&n); err != nil {
			return nil, sqliteError(err)
		}
		counts[table] = n
	}
	return counts, nil
}

// newestSchema is the number of the newest migration in a folder of ours.
func newestSchema(dir string) (newest int64) {
	names, _ := fs.Glob(migrations, path.Join(dir, "*.sql")) // a fixed pattern
	for _, name := range names {
		if n, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

// newerSchema refuses a database that this version does not understand.
func newerSchema(has, knows int64) error {
	return crontopus.Errorf(crontopus.CodeUnsupported,
		"the database was written by a newer version (schema %d, this one knows %d)", has, knows).
		WithHint("run the newer version, or restore the backup from before the upgrade")
}
