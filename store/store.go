package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"crontopus.dev/crontopus"
)

// Options say which database to open and what with.
type Options struct {
	Path string           // of the SQLite file
	Box  *Box             // for credentials; required
	Now  func() time.Time // time.Now but for tests; stamps audit rows
	Log  *slog.Logger     // slog.Default if nil
}

// Store is the database. Its methods may be called from many goroutines.
type Store struct {
	engine engine
	box    *Box
	now    func() time.Time
}

// Open brings the schema up to date and makes the installation's identity and the
// default tenant where they do not exist.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Box == nil || o.Path == "" {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "store: Path and Box are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	e, err := openSQLite(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, box: o.Box, now: o.Now}
	if err := s.setUp(ctx, e, o.Log); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return s, nil
}

func (s *Store) setUp(ctx context.Context, e *sqliteEngine, log *slog.Logger) error {
	if err := migrateSQLite(ctx, e.writer, log); err != nil {
		return err
	}
	return s.engine.write(ctx, scopeSetup, func(t tx) error {
		if err := makeInstallation(ctx, t); err != nil {
			return err
		}
		return makeTenant(ctx, t, crontopus.Tenant{ID: crontopus.DefaultTenant, Name: "Default", CreatedAt: s.now()})
	})
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.engine.ping(ctx) }

// Close waits for transactions under way. Methods return unavailable afterwards.
func (s *Store) Close() error { return s.engine.close() }
