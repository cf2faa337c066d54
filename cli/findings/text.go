package findings

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/safetext"
)

// caretWidth is how much of a long line is shown around a problem, in characters.
const caretWidth = 100

// text writes each problem with its line, a caret and what to do.
func (r *Report) text(w io.Writer) error {
	file, lines := "", []string(nil) // one file's at a time: the problems are in order
	for _, p := range r.Problems {
		if p.File != file && p.Line > 0 && r.Lines != nil {
			file, lines = p.File, r.Lines(p.File)
		}
		shown := lines
		if p.File != file {
			shown = nil
		}
		if _, err := io.WriteString(w, r.problem(p, shown)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) problem(p crontopus.Problem, lines []string) string {
	var b strings.Builder
	place, message := p.Place(), p.Message
	if p.Level() != crontopus.SeverityError {
		message = fmt.Sprintf("%s: %s [%s]", p.Level(), message, p.Code)
	}
	fmt.Fprintf(&b, "%s %s\n", r.paint(bold, safetext.Line(place)+":"), r.paint(colors[p.Level()], safetext.Line(message)))
	if p.Line > 0 && p.Line <= len(lines) {
		r.caret(&b, lines[p.Line-1], p.Column)
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "  hint: %s\n", safetext.Line(p.Hint))
	}
	return b.String()
}

// caret shows a line, or the part of a long one around the column, and points at the
// column.
func (r *Report) caret(b *strings.Builder, line string, column int) {
	text, at := []rune(line), column-1
	if from := at - caretWidth/2; from > 0 && len(text) > caretWidth {
		text, at = text[min(from, len(text)):], at-from
	}
	text = text[:min(len(text), caretWidth)]
	for i, c := range text {
		if c == '\t' {
			text[i] = ' '
		}
	}
	fmt.Fprintf(b, "  %s\n", safetext.Line(string(text)))
	if at >= 0 && at <= len(text) {
		before := utf8.RuneCountInString(safetext.Line(string(text[:at])))
		fmt.Fprintf(b, "  %s%s\n", strings.Repeat(" ", before), r.paint(green, "^"))
	}
}

// Colours, as a terminal is told them.
const (
	bold  = "1"
	green = "1;32"
)

var colors = map[string]string{
	crontopus.SeverityError:   "1;31",
	crontopus.SeverityWarning: "1;33",
	crontopus.SeverityNotice:  "1;36",
}

func (r *Report) paint(color, text string) string {
	if !r.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
