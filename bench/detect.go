package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // as which a million rows are written

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/store"
)

var detectCases = []Case{
	{Name: "detect/lag SQLite", What: lagWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return detectionLag(ctx, b, "SQLite") }},
	{Name: "detect/lag PostgreSQL", What: lagWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return detectionLag(ctx, b, "PostgreSQL") }},
	{Name: "detect/idle SQLite", What: idleWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return idleTick(ctx, b, "SQLite") }},
	{Name: "detect/idle PostgreSQL", What: idleWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return idleTick(ctx, b, "PostgreSQL") }},
}

const (
	lagWhat = "100,000 entries, 1,000 of which are due in one minute and do not run, on 100 hosts that are online: how long after the end of each one's " +
		"grace its incident is there. Floor: none."
	idleWhat = "A look of the detector when nothing is due, in a database with a million watches. Floor: the same with a thousand."
)

const (
	lateJobs = 10 // on each host
	grace    = 30 * time.Second

	idleRepeats = 10 // of the rounds: a turn is over in the twentieth part of a second
)

func detectionLag(ctx context.Context, b *Bench, engine string) (figures []Figure, err error) {
	server, err := b.StartServer(ctx, engine)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := server.Furnish(ctx, b, 1000-lateJobs, 100); err != nil {
		return nil, err
	}
	var lags Samples
	for round := range 2 {
		found, err := server.lags(ctx, b, round)
		if err != nil {
			return nil, err
		}
		lags = append(lags, found...)
	}
	slices.Sort(lags)
	return []Figure{
		{Name: "end of grace → incident, p50", Unit: "ms", Product: lags.Median()},
		{Name: "end of grace → incident, p99", Unit: "ms", Product: lags[len(lags)*99/100], Reach: Within(5000)},
	}, nil
}

// lags has jobs not run, and returns how long after the end of its grace each incident was there.
func (s *Server) lags(ctx context.Context, b *Bench, round int) (lags Samples, err error) {
	due := time.Now().UTC().Add(2 * time.Minute).Truncate(time.Minute)
	var text strings.Builder
	for i := range lateJobs {
		fmt.Fprintf(&text, "---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: late-%d-%d}\nspec:\n  schedule: \"%d %d * * *\"\n"+
			"  target: {all: true}\n  run: {command: [/bin/true]}\n  monitor: {grace: %s}\n", round, i, due.Minute(), due.Hour(), grace)
	}
	s.Repo.Commit(b.TB, "late", map[string]string{"late.yaml": text.String()})
	if err := s.Client.SyncSource(ctx, "bench"); err != nil {
		return nil, err
	}
	began, want := time.Now(), lateJobs*len(s.Agents)
	for len(lags) < want {
		if time.Since(began) > 5*time.Minute {
			return nil, fmt.Errorf("of %d incidents only %d are there %s after the jobs were due", want, len(lags), time.Since(due))
		}
		if err := s.heartbeats(ctx); err != nil {
			return nil, err
		}
		if err := waitUntil(ctx, time.Now().Add(2*time.Second)); err != nil {
			return nil, err
		}
		if time.Now().Before(due.Add(grace)) {
			continue
		}
		if lags, err = s.incidentLags(ctx, fmt.Sprintf("late-%d-", round), due.Add(grace)); err != nil {
			return nil, err
		}
	}
	return lags, nil
}

// heartbeats polls as each agent, whose spool is empty.
func (s *Server) heartbeats(ctx context.Context) error {
	polls := &http.Client{Timeout: time.Minute}
	defer polls.CloseIdleConnections()
	for _, a := range s.Agents {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+bundlePath, http.NoBody)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+s.Token(a))
		req.Header.Set(wire.HeaderSpoolDrained, time.Now().UTC().Format(time.RFC3339Nano))
		resp, err := polls.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// incidentLags are how long after an instant the incidents of the jobs with a name were opened.
func (s *Server) incidentLags(ctx context.Context, named string, since time.Time) (lags Samples, err error) {
	page := crontopus.Page{Limit: crontopus.MaxPageLimit}
	for {
		list, err := s.Client.Incidents(ctx, crontopus.IncidentFilter{Kind: crontopus.AlertMissed, Since: since.Add(-time.Minute)}, page)
		if err != nil {
			return nil, err
		}
		for _, in := range list.Items {
			if strings.HasPrefix(in.Subject.Job.Name, named) {
				lags = append(lags, milliseconds(in.OpenedAt.Sub(since)))
			}
		}
		if page.After = list.Next; page.After == "" {
			return lags, nil
		}
	}
}

// idleTick looks, in this process, where nothing is due.
func idleTick(ctx context.Context, b *Bench, engine string) ([]Figure, error) {
	few, err := b.watched(ctx, engine, 1000)
	if err != nil {
		return nil, err
	}
	defer few.Close()
	many, err := b.watched(ctx, engine, 1_000_000)
	if err != nil {
		return nil, err
	}
	defer many.Close()
	var product, floor Samples
	look := func(s *store.Store, into *Samples) func(context.Context) error {
		return func(ctx context.Context) error {
			began := time.Now()
			for range 200 {
				n, err := s.SystemLook(ctx, time.Now(), 200, func([]crontopus.Look) []crontopus.Verdict { return nil })
				if err != nil || n != 0 {
					return fmt.Errorf("a look at nothing looked at %d watches: %w", n, err)
				}
			}
			*into = append(*into, milliseconds(time.Since(began))/200*1000)
			return nil
		}
	}
	for range idleRepeats {
		if err = b.Turns(ctx, look(many, &product), look(few, &floor)); err != nil {
			return nil, err
		}
	}
	return []Figure{{Name: "a look at nothing", Unit: "µs", Product: product.Median(), Floor: floor.Median(), Reach: AtMost(1.2)}}, nil
}

// watched is a store with so many watches, whose time will come tomorrow.
func (b *Bench) watched(ctx context.Context, engine string, watches int) (_ *store.Store, err error) {
	box, err := store.NewBox("bench", [32]byte{1})
	if err != nil {
		return nil, err
	}
	o := store.Options{Box: box, Log: slog.New(slog.DiscardHandler), Path: filepath.Join(b.TB.TempDir(), "watched.db")}
	driver, name := "sqlite", o.Path
	if engine == "PostgreSQL" {
		if name, err = b.Database(); err != nil {
			return nil, err
		}
		driver, o.Path, o.URL = "pgx", "", name
	}
	s, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	defer conn.Close()
	if engine == "PostgreSQL" { // row-level security lets nobody write without saying whose rows
		if _, err := conn.ExecContext(ctx, "SELECT set_config('crontopus.tenant', '*', false)"); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	_, err = conn.ExecContext(ctx, `
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
		SELECT $2, 'entry:' || i, 'entry', 'default', 'job-' || i, 'agent-' || (i % 1000), '', CAST($3 AS BIGINT) + i, 0, '{}' FROM n`,
		watches, crontopus.DefaultTenant, time.Now().Add(24*time.Hour).UnixMicro())
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
