package store

import (
	"context"
	"database/sql"
	"sync"

	"github.com/riverqueue/river"
)

// sqlitePool is a pool of connections to a SQLite file that keeps what is run again and again
// prepared on them: half of what a small transaction costs SQLite is reading SQL.
type sqlitePool struct {
	*sql.DB
	inserter *river.Client[*sql.Tx] // of the writer

	mu     sync.Mutex
	ready  map[string]*sql.Stmt
	wanted map[string]bool // texts that were prepared for one transaction
}

// mostStatements bounds memory. The store's texts are fewer.
const mostStatements = 1000

func newSQLitePool(db *sql.DB, connections int) *sqlitePool {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &sqlitePool{DB: db, ready: map[string]*sql.Stmt{}, wanted: map[string]bool{}}
}

// statement returns one for a transaction, and notes to keep it.
func (s *sqlitePool) statement(ctx context.Context, t *sql.Tx, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	ready := s.ready[query]
	s.mu.Unlock()
	if ready != nil {
		return t.StmtContext(ctx, ready), nil
	}
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready)+len(s.wanted) < mostStatements {
		s.wanted[query] = true
	}
	return stmt, nil
}

// keep prepares for good what transactions wanted. It takes a connection of its own, so it is
// called between them.
func (s *sqlitePool) keep(ctx context.Context) error {
	s.mu.Lock()
	wanted := s.wanted
	if len(wanted) == 0 {
		s.mu.Unlock()
		return nil // the map stays that of transactions under way, which add to it
	}
	s.wanted = map[string]bool{}
	s.mu.Unlock()
	for query := range wanted {
		stmt, err := s.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.ready[query] = stmt
		s.mu.Unlock()
	}
	return nil
}
