package store

import (
	"context"
	"iter"
	"strings"
)

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

// InsertRuns asks which runs were written only where not all were: to have a statement return them costs
// SQLite about a sixth of writing them. What it wrote has greater rowids than all that was there before.
func (s sqliteTx) InsertRuns(ctx context.Context, runs []*runKept) (written []*runKept, err error) {
	var last int64
	if err := s.QueryRow(ctx, "SELECT COALESCE(max(rowid), 0) FROM runs").Scan(&last); err != nil {
		return nil, err
	}
	v := runTable(runs)
	for from := 0; from < v.rows; from += sqliteMany {
		part := v.part(from, min(sqliteMany, v.rows-from))
		text, args := sqliteStatement(part, insertRuns)
		n, err := s.Exec(ctx, text, args...)
		if err != nil {
			return nil, err
		}
		these := runs[from : from+part.rows]
		if int(n) < part.rows {
			if these, err = writtenAfter(ctx, s, these, last); err != nil {
				return nil, err
			}
		}
		written = append(written, these...)
	}
	return written, noteWrong(ctx, s, written)
}

// writtenAfter returns those of the runs whose rows came after one.
func writtenAfter(ctx context.Context, t tx, runs []*runKept, last int64) ([]*runKept, error) {
	var v many
	withPlaces(&v, runs)
	withEach(&v, "tenant", "text", runs, func(r **runKept) string { return string((*r).tenant) })
	withEach(&v, "id", "text", runs, func(r **runKept) string { return (*r).ID })
	withEach(&v, "last", "bigint", runs, func(**runKept) int64 { return last })
	return collectRuns(ctx, t, runs, v, `
		SELECT v.place FROM v CROSS JOIN runs r WHERE r.tenant_id = v.tenant AND r.id = v.id AND r.rowid > v.last`)
}

func sqliteManyText(v many, n int, query string) string {
	row := "(?" + strings.Repeat(", ?", len(v.columns)-1) + ")" // cheaper to bind than names
	return "WITH v (" + v.names() + ") AS (VALUES " + row + strings.Repeat(", "+row, n-1) + ") " + query
}

// part is n of the rows.
func (v many) part(from, n int) many {
	some := many{rows: n}
	for _, c := range v.columns {
		some.columns = append(some.columns, manyColumn{name: c.name, kind: c.kind, at: func(i int) any { return c.at(from + i) }})
	}
	return some
}
