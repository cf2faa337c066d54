package store

import (
	"encoding/base64"
	"encoding/json"
	"math"

	"crontopus.dev/crontopus"
)

// A cursor is the sort key of the last item that was seen, so that a page goes on from
// there whatever was added or removed meanwhile. To callers it is opaque.

// limit is how many rows a page's query reads: one more than it shows, which tells
// whether there is a next page.
func limit(p crontopus.Page) int {
	n := p.Limit
	if n <= 0 {
		n = crontopus.DefaultPageLimit
	}
	return min(n, crontopus.MaxPageLimit) + 1
}

// cut drops the row too many and returns the cursor of the next page, "" on the last.
func cut[T any](items []T, p crontopus.Page, key func(*T) cursor) ([]T, string) {
	n := limit(p) - 1
	if len(items) <= n {
		return items, ""
	}
	items = items[:n]
	return items, key(&items[n-1]).String()
}

// cursor is a sort key: text, or a time and text.
type cursor struct {
	At   int64  `json:"t,omitempty"`
	Text string `json:"k"`
	More string `json:"m,omitempty"`
}

// beforeAll and afterAll are where ascending and descending lists begin.
var (
	beforeAll = cursor{At: math.MinInt64}
	afterAll  = cursor{At: math.MaxInt64}
)

// String is the opaque form.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(text(c)))
}

// parseCursor returns where the page begins: at start, if it names no cursor.
func parseCursor(p crontopus.Page, start cursor) (c cursor, err error) {
	if p.After == "" {
		return start, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(p.After)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return c, &crontopus.Error{Code: crontopus.CodeInvalid, Message: "the cursor is not one that a list returned",
			Hint: "pass the next of the page before as it was, or leave it out to begin anew"}
	}
	return c, nil
}
