package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
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

// part is n of the rows.
func (v many) part(from, n int) many {
	some := many{rows: n}
	for _, c := range v.columns {
		some.columns = append(some.columns, manyColumn{name: c.name, kind: c.kind, at: func(i int) any { return c.at(from + i) }})
	}
	return some
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

func scanRowKey(r row, k *rowKey) error { return r.Scan(&k.tenant, &k.id) }

// keys are those of the rows, whose first columns they are: tenant and id.
func (v many) keys() []rowKey {
	keys := make([]rowKey, v.rows)
	for i := range keys {
		keys[i] = rowKey{crontopus.TenantID(v.columns[0].at(i).(string)), v.columns[1].at(i).(string)}
	}
	return keys
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

// InsertNew has the statement return what it wrote.
func (p postgresTx) InsertNew(ctx context.Context, v many, _, insert string) ([]rowKey, error) {
	return collectMany(ctx, p, scanRowKey, v, insert+" RETURNING tenant_id, id")
}

// sqliteMany is how many rows a statement takes: longer ones are read no faster.
const sqliteMany = 25

// Many writes the values into the statement, a few rows at a time.
func (s sqliteTx) Many(v many, query string) iter.Seq2[string, []any] {
	return func(yield func(string, []any) bool) {
		for from := 0; from < v.rows; from += sqliteMany {
			if !yield(sqliteStatement(v.part(from, min(sqliteMany, v.rows-from)), query)) {
				return
			}
		}
	}
}

func sqliteStatement(v many, query string) (text string, args []any) {
	args = make([]any, 0, v.rows*len(v.columns))
	for i := range v.rows {
		for _, c := range v.columns {
			args = append(args, c.at(i))
		}
	}
	return sqliteManyText(v, v.rows, query), args
}

// InsertNew asks which rows were written only where not all were: to have a statement return them costs
// SQLite a quarter of writing them. What it wrote has greater rowids than all that was there before.
func (s sqliteTx) InsertNew(ctx context.Context, v many, table, insert string) (written []rowKey, err error) {
	for from := 0; from < v.rows; from += sqliteMany {
		part := v.part(from, min(sqliteMany, v.rows-from))
		var last int64
		if err := s.QueryRow(ctx, "SELECT COALESCE(max(rowid), 0) FROM "+table).Scan(&last); err != nil {
			return nil, err
		}
		text, args := sqliteStatement(part, insert)
		n, err := s.Exec(ctx, text, args...)
		if err != nil {
			return nil, err
		}
		found := part.keys()
		if int(n) < part.rows {
			with(&part, "last", "bigint", slices.Repeat([]int64{last}, part.rows))
			if found, err = collectMany(ctx, s, scanRowKey, part, `
				SELECT v.tenant, v.id FROM v CROSS JOIN `+table+` r WHERE r.tenant_id = v.tenant AND r.id = v.id AND r.rowid > v.last`); err != nil {
				return nil, err
			}
		}
		written = append(written, found...)
	}
	return written, nil
}

func sqliteManyText(v many, n int, query string) string {
	var b strings.Builder
	b.WriteString("WITH v (" + v.names() + ") AS (VALUES ")
	for i := range n * len(v.columns) {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%len(v.columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("?") // cheaper to bind than a name
	}
	b.WriteString(")) " + query)
	return b.String()
}
