package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// micros is how a time is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

// optional is how a time that may be absent is stored.
func optional(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	n := t.UnixMicro()
	return &n
}

// bit is how a boolean is stored.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// text is how a structured value is stored. All of ours marshal.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: a value that does not marshal: %v", err))
	}
	return string(data)
}

// column reads a stored value into a Go one. It is a sql.Scanner, which every engine's
// driver knows.
type column func(src any) error

// Scan reads one column.
func (c column) Scan(src any) error { return c(src) }

func unreadable(src any, as string) error {
	return crontopus.Errorf(crontopus.CodeInternal, "store: a %T where %s should be", src, as)
}

// instant reads a time.
func instant(t *time.Time) column {
	return func(src any) error {
		n, ok := src.(int64)
		if !ok {
			return unreadable(src, "a time")
		}
		*t = time.UnixMicro(n).UTC()
		return nil
	}
}

// maybe reads a time that may be absent.
func maybe(t **time.Time) column {
	return func(src any) error {
		if src == nil {
			*t = nil
			return nil
		}
		var at time.Time
		*t = &at
		return instant(&at)(src)
	}
}

// flag reads a boolean.
func flag(b *bool) column {
	return func(src any) error {
		n, ok := src.(int64)
		*b = n != 0
		if !ok {
			return unreadable(src, "a boolean")
		}
		return nil
	}
}

// blob reads bytes; none are nil, whatever the driver makes of them.
func blob(b *[]byte) column {
	return func(src any) error {
		data, ok := src.([]byte)
		if !ok {
			return unreadable(src, "bytes")
		}
		*b = nil
		if len(data) > 0 {
			*b = slices.Clone(data)
		}
		return nil
	}
}

// document reads a structured value.
func document(v any) column {
	return func(src any) error {
		switch data := src.(type) {
		case string:
			return json.Unmarshal([]byte(data), v)
		case []byte:
			return json.Unmarshal(data, v)
		}
		return unreadable(src, "JSON")
	}
}
