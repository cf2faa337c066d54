package store

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"crontopus.dev/crontopus"
)

// many is a table of values that one statement works on, by the name v: as many rows as a
// batch has, for the price of few statements.
type many struct {
	rows    int
	columns []manyColumn
}

type manyColumn struct {
	name, kind string // kind is PostgreSQL's type
	list       any    // all values, as a slice
	at         func(i int) any
}

// with adds a column. Every column has the same number of values.
func with[T any](v *many, name, kind string, list []T) {
	v.rows = len(list)
	v.columns = append(v.columns, manyColumn{name, kind, list, func(i int) any { return list[i] }})
}

// withEach adds a column that is made of items.
func withEach[T, V any](v *many, name, kind string, items []T, value func(*T) V) {
	list := make([]V, len(items))
	for i := range items {
		list[i] = value(&items[i])
	}
	with(v, name, kind, list)
}

func (v many) names() string {
	names := make([]string, len(v.columns))
	for i, c := range v.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// rowKey is the key that most tables have.
type rowKey struct {
	tenant crontopus.TenantID
	id     string
}

// execMany runs a statement on all values and returns how many rows it touched.
func execMany(ctx context.Context, t tx, v many, query string) (n int64, err error) {
	for statement, args := range t.Many(v, query) {
		touched, err := t.Exec(ctx, statement, args...)
		if err != nil {
			return 0, err
		}
		n += touched
	}
	return n, nil
}

// collectMany reads all rows of a query on all values.
func collectMany[T any](ctx context.Context, t tx, scan func(row, *T) error, v many, query string) (all []T, err error) {
	for statement, args := range t.Many(v, query) {
		found, err := collect(ctx, t, scan, statement, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Many passes each column as one array, so that one text serves batches of every size.
func (p postgresTx) Many(v many, query string) iter.Seq2[string, []any] {
	return func(yield func(string, []any) bool) {
		if v.rows == 0 {
			return
		}
		arrays, args := make([]string, len(v.columns)), make([]any, len(v.columns))
		for i, c := range v.columns {
			arrays[i], args[i] = fmt.Sprintf("$%d::%s[]", i+1, c.kind), c.list
		}
		yield("WITH v ("+v.names()+") AS (SELECT * FROM unnest("+strings.Join(arrays, ", ")+")) "+query, args)
	}
}

// InsertRuns has the statement return what it wrote, and what of it the detector must hear: a round trip
// costs more than either. Where a run is there already the statement may have waited for whoever writes it, and
// does not see what is wrong since: that is asked again.
func (p postgresTx) InsertRuns(ctx context.Context, runs []*runKept) (written []*runKept, err error) {
	byKey := make(map[rowKey]*runKept, len(runs))
	for _, run := range runs {
		byKey[run.key()] = run
	}
	_, err = collectMany(ctx, p, func(r row, k *rowKey) error {
		var wrong bool
		if err := r.Scan(&k.tenant, &k.id, &wrong); err != nil {
			return err
		}
		run := byKey[*k]
		run.wrong = wrong
		written = append(written, run)
		return nil
	}, runTable(runs), insertRuns+`
		RETURNING tenant_id, id, EXISTS (SELECT 1 FROM watches w
			WHERE w.id = 'entry/' || namespace || '/' || runs.name || '/' || COALESCE(runs.agent_id, '') AND w.alert = 1
				AND w.tenant_id || '' = runs.tenant_id)`) // by the index watches_wrong
	if err == nil && len(written) < len(runs) {
		err = noteWrong(ctx, p, written)
	}
	return written, err
}
