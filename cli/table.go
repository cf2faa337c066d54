package cli

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table lays out rows of cells in columns. Without a header it shows one thing's fields,
// a name and a value a row.
type table struct {
	style  style
	header []string
	rows   [][]string
}

// columns names the columns.
func (t *table) columns(names ...string) { t.header = names }

// row adds a row of cells.
func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// write aligns the columns by their widest cell, two spaces apart.
func (t *table) write(w io.Writer) error {
	rows := t.rows
	if t.header != nil {
		rows = append([][]string{t.header}, t.rows...)
	}
	var widths []int
	for i, row := range rows {
		for j, cell := range row {
			row[j] = t.clean(cell)
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], utf8.RuneCountInString(row[j]))
		}
		rows[i] = row
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			head := t.header != nil && i == 0
			b.WriteString(t.paint(cell, head))
			if j < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// clean keeps a cell on its line, and what a host said from steering the terminal.
func (t *table) clean(cell string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return printable(r)
	}, cell)
}

// printable drops what a terminal would obey or hide: control and format characters.
func printable(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// colors of the words that say how things are; everything else stays plain.
var colors = map[string]string{
	"succeeded": green, "online": green, "Synced": green,
	"failed": red, "timedOut": red, "offline": red, "revoked": red,
	"FetchFailed": red, "AuthenticationFailed": red, "VerificationFailed": red, "ValidationFailed": red,
	"running": yellow, "skipped": yellow, "missed": yellow, "paused": yellow,
	"Progressing": yellow, "RemovalBlocked": yellow, "Suspended": yellow,
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

func (t *table) paint(cell string, head bool) string {
	code := colors[cell]
	if head {
		code = bold
	}
	if !t.style.color || code == "" {
		return cell
	}
	return code + cell + plain
}
