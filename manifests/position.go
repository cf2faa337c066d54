package manifests

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// position returns where a token stands in the file. The lexer loses count of columns on
// a line with tabs, so the column is checked against the text.
func (d *document) position(tk *token.Token) (line, column int) {
	line, column = tk.Position.Line, tk.Position.Column
	text := d.lineText(line)
	if strings.Contains(text, "\t") {
		word, _, _ := strings.Cut(strings.TrimSpace(tk.Origin), "\n")
		if at := strings.Index(text, word); word != "" && at >= 0 {
			column = utf8.RuneCountInString(text[:at]) + 1
		}
	}
	return line + d.line, max(1, min(column, utf8.RuneCountInString(text)+1))
}

// lineText returns a line of the document, counted from 1, without its break.
func (d *document) lineText(line int) string {
	if d.lines == nil {
		d.lines = strings.Split(d.text, "\n")
	}
	return d.lines[max(0, min(line, len(d.lines))-1)]
}
