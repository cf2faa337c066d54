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

// migrationsOf is where the migrations of an engine are. They have the same numbers.
var migrationsOf = map[goose.Dialect]string{goose.DialectSQLite3: "migrations/sqlite", goose.DialectPostgres: "migrations/postgres"}

// migrate applies the migrations that the database has not seen. They only go forward. A
// database of a newer version is used as it is, as long as a server of this one understands it:
// migrations first add what is new, and take away what is old a version later.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, log *slog.Logger) error {
	dir, err := fs.Sub(migrations, migrationsOf[dialect])
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "cannot read the migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return cannotMigrate(err)
	}
	if has > knows {
		var oldest int64
		if err := db.QueryRowContext(ctx, "SELECT oldest_schema FROM installation").Scan(&oldest); err != nil {
			return cannotMigrate(err)
		}
		if knows < oldest {
			return newerSchema(has, knows)
		}
		log.WarnContext(ctx, "the database was written by a newer version; this one can work with it until it is upgraded, too",
			"schema", has, "knows", knows)
		return nil
	}
	done, err := p.Up(ctx)
	if err != nil {
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			err = partial.Err
		}
		return cannotMigrate(err)
	}
	for _, m := range done {
		log.InfoContext(ctx, "database migrated", "schema", m.Source.Version, "took", m.Duration)
	}
	return nil
}

// cannotMigrate is what any engine's error means here.
func cannotMigrate(err error) error {
	return crontopus.Errorf(crontopus.CodeUnavailable, "cannot bring the database up to date: %w", err).
		WithHint("look at the cause; the database is as it was before the migration that failed")
}
