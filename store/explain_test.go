package store

import (
	"context"
	"strings"
)

// Explained says how SQLite goes about the queries of fn that have both texts in them.
func Explained(ctx context.Context, s *Store, one, other string, fn func() error) (plans []string, err error) {
	spy := &explaining{engine: s.engine, asked: map[string][]any{}}
	s.engine = spy
	err = fn()
	s.engine = spy.engine
	if err != nil {
		return nil, err
	}
	err = s.engine.read(ctx, scopeMetrics, func(t tx) error {
		for query, args := range spy.asked {
			if !strings.Contains(query, one) || !strings.Contains(query, other) {
				continue
			}
			steps, err := collect(ctx, t, func(r row, step *string) error {
				var id, parent, unused int
				return r.Scan(&id, &parent, &unused, step)
			}, "EXPLAIN QUERY PLAN "+query, args...)
			if err != nil {
				return err
			}
			plans = append(plans, strings.Join(steps, "\n"))
		}
		return nil
	})
	return plans, err
}

// explaining is an engine that keeps what was asked.
type explaining struct {
	engine
	asked map[string][]any
}

func (e *explaining) read(ctx context.Context, in scope, fn func(tx) error) error {
	return e.engine.read(ctx, in, func(t tx) error { return fn(explainingTx{t, e}) })
}

func (e *explaining) write(ctx context.Context, in scope, fn func(tx) error) error {
	return e.engine.write(ctx, in, func(t tx) error { return fn(explainingTx{t, e}) })
}

type explainingTx struct {
	tx
	e *explaining
}

func (t explainingTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.e.asked[query] = args
	return t.tx.Exec(ctx, query, args...)
}

func (t explainingTx) Query(ctx context.Context, query string, args ...any) (rows, error) {
	t.e.asked[query] = args
	return t.tx.Query(ctx, query, args...)
}

func (t explainingTx) QueryRow(ctx context.Context, query string, args ...any) row {
	t.e.asked[query] = args
	return t.tx.QueryRow(ctx, query, args...)
}
