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

// sqlitePlace is the file that was opened, and where it was.
type sqlitePlace struct {
	path string
	file os.FileInfo
}

// takeSQLitePlace finds the file at path, or makes it with mode 0600: SQLite itself would ask the umask.
func takeSQLitePlace(path string) (sqlitePlace, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return sqlitePlace{}, crontopus.Errorf(crontopus.CodeUnavailable, "cannot open the database: %w", err).
			WithHint("make %s a folder that this user may write, or name another with --data", filepath.Dir(path))
	}
	file, err := f.Stat()
	return sqlitePlace{path, file}, sqliteError(errors.Join(err, f.Close()))
}

// check fails when nobody will find the file again. SQLite itself goes on with what it has open.
func (p sqlitePlace) check() error {
	now, err := os.Stat(p.path)
	if err == nil && os.SameFile(now, p.file) {
		return nil
	}
	return &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the database file was moved, removed or replaced while the server uses it", Err: err,
		Hint: "put it back, or stop the server and restore a backup with `crontopus backup restore`"}
}

// open returns connections to that file and no other. SQLite knows a file by its name: a connection that is
// made when another one lies there writes to that, and removes the log beside it, in which is what was answered and
// not taken in yet.
func (p sqlitePlace) open(more string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(sqliteDSN(p.path, more))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(sqliteConnector{c, p}), nil
}

type sqliteConnector struct {
	driver.Connector
	place sqlitePlace
}

func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.place.check(); err != nil {
		return nil, err
	}
	return c.Connector.Connect(ctx)
}
