package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"crontopus.dev/crontopus"
)

//go:embed migrations
var migrations embed.FS

// migrateSQLite applies the migrations that the database has not seen. They only go
// forward; a database of a newer version is refused.
func migrateSQLite(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	dir, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return sqliteError(err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return sqliteError(err)
	}
	if has > knows {
		return newerSchema(has, knows)
	}
	done, err := p.Up(ctx)
	if err != nil {
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			err = partial.Err
		}
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot bring the database up to date: %w", err)
	}
	for _, m := range done {
		log.InfoContext(ctx, "database migrated", "schema", m.Source.Version, "took", m.Duration)
	}
	return nil
}
