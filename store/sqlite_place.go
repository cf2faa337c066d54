package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"crontopus.dev/crontopus"
)

// sqlitePlace is the file that was opened with the log beside it, and where they were.
type sqlitePlace struct {
	path string
	file os.FileInfo
	log  os.FileInfo // nil until takeLog
}

// takeSQLitePlace finds the file at path, or makes it with mode 0600: SQLite itself would ask the umask.
func takeSQLitePlace(path string) (*sqlitePlace, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot open the database: %w", err).
			WithHint("make %s a folder that this user may write, or name another with --data", filepath.Dir(path))
	}
	file, err := f.Stat()
	return &sqlitePlace{path: path, file: file}, sqliteError(errors.Join(err, f.Close()))
}

// takeLog finds the log that the connections of first have open, and that SQLite keeps until the last connection of all
// is closed. It makes one such connection.
func (p *sqlitePlace) takeLog(ctx context.Context, first *sql.DB) error {
	if _, err := first.ExecContext(ctx, takeInLog); err != nil { // opens the log, or makes it
		return err
	}
	log, err := os.Stat(p.logPath())
	p.log = log
	return err
}

func (p *sqlitePlace) logPath() string { return p.path + "-wal" }

// check fails when nobody will find the file or its log again. SQLite itself goes on with what it has open.
func (p *sqlitePlace) check() error {
	if there, err := isAt(p.path, p.file); !there {
		return &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the database file was moved, removed or replaced while the server uses it", Err: err,
			Hint: "put it back, or stop the server and restore a backup with `crontopus backup restore`"}
	}
	if p.log == nil {
		return nil
	}
	if there, err := isAt(p.logPath(), p.log); !there {
		return &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the database's log " + p.logPath() + " was moved, removed or replaced while the server uses it", Err: err,
			Hint: "put it back, or stop the server (with TERM, not KILL: it takes what the log had into the database) and start it again"}
	}
	return nil
}

// isAt reports whether path still leads to that file.
func isAt(path string, file os.FileInfo) (bool, error) {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(now, file), err
}

// open returns connections to that file and no other. SQLite knows a file by its name: a connection that is
// made when another one lies there writes to that, and removes the log beside it, in which is what was answered and
// not taken in yet. One that finds no log, or another, writes to that by an index that speaks of the log before, and what
// comes of the two is damage.
func (p *sqlitePlace) open(more string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(sqliteDSN(p.path, more))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(sqliteConnector{c, p}), nil
}

type sqliteConnector struct {
	driver.Connector
	place *sqlitePlace
}

func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.place.check(); err != nil {
		return nil, err
	}
	return c.Connector.Connect(ctx)
}
