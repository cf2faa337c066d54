package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
)

// Options say which database to open and what with.
type Options struct {
	Path string           // of the SQLite file; or
	URL  string           // of a PostgreSQL database: postgres://…
	Box  *Box             // for credentials; required
	Keep time.Duration    // how long runs will be kept, see SystemPruneRuns; 0: for ever
	Now  func() time.Time // time.Now but for tests; stamps audit rows
	Log  *slog.Logger     // slog.Default if nil
}

// Store is the database. Its methods may be called from many goroutines.
type Store struct {
	engine engine
	box    *Box
	now    func() time.Time
	keep   time.Duration

	heart    *byHeart                                      // nil where other servers write, too
	granted  *recent.Map[grant, bool]                      // of those that check in
	alerting *recent.Map[alertingKey, *crontopus.Alerting] // of tenants that are looked at
	follows  *recent.Map[crontopus.TenantID, time.Time]    // until when another server wants to hear of a tenant's runs
}

// Open brings the schema up to date and makes the installation's identity and the
// default tenant where they do not exist.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Box == nil || (o.Path == "") == (o.URL == "") {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "store: Box and one of Path and URL are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	e, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: seam{e}, box: o.Box, now: o.Now, keep: o.Keep, granted: recent.New[grant, bool](rememberedGrants),
		alerting: recent.New[alertingKey, *crontopus.Alerting](rememberedAlerting),
		follows:  recent.New[crontopus.TenantID, time.Time](rememberedFollows)}
	if e.alone() {
		s.heart = newByHeart()
	}
	if err := s.setUp(ctx, o.Log); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return s, nil
}

func openEngine(ctx context.Context, o Options) (engine, error) {
	if o.URL != "" {
		return openPostgres(ctx, o.URL)
	}
	return openSQLite(ctx, o.Path)
}

func (s *Store) setUp(ctx context.Context, log *slog.Logger) error {
	return s.engine.prepare(ctx, log, func(t tx) error {
		if err := makeInstallation(ctx, t); err != nil {
			return err
		}
		return makeTenant(ctx, t, crontopus.Tenant{ID: crontopus.DefaultTenant, Name: "Default", CreatedAt: s.now()})
	})
}

// Ping reports whether the database answers, and takes what is written.
func (s *Store) Ping(ctx context.Context) error { return s.engine.ping(ctx) }

// Close waits for transactions under way. Methods return unavailable afterwards.
func (s *Store) Close() error { return s.engine.close() }
