package format

import "strings"

// writer writes a tree in the canonical way.
type writer struct {
	lines   []string
	opening bool // a collection begins: no blank line comes first
	kept    bool // the last line is of a block that keeps the blank lines after it
}

func (d *document) write() string {
	w := &writer{opening: true}
	if d.marker != "" {
		w.lines = append(w.lines, d.marker)
	}
	w.leads(d.header, 0)
	if d.root.style == brackets {
		w.put(0, "")
		w.flow(d.root.flow, 0)
		w.comment(d.root.tail)
		w.leads(d.root.foot, 0)
	} else {
		w.collection(d.root, 0)
	}
	if d.end != "" {
		w.put(0, d.end)
	}
	return strings.Join(w.lines, "\n") + "\n"
}

// put begins a line.
func (w *writer) put(column int, text string) {
	w.lines = append(w.lines, strings.Repeat(" ", column)+text)
	w.opening, w.kept = false, false
}

// add goes on with the line.
func (w *writer) add(text string) { w.lines[len(w.lines)-1] += text }

func (w *writer) comment(text string) {
	if text != "" {
		w.add(" " + text)
	}
}

// leads writes comments and blank lines, never two of these in a row.
func (w *writer) leads(leads []string, column int) {
	for _, text := range leads {
		switch {
		case text != "":
			w.put(column, text)
		case !w.opening && !w.kept && len(w.lines) > 0 && w.lines[len(w.lines)-1] != "":
			w.lines = append(w.lines, "")
		}
	}
}

func (w *writer) collection(c node, column int) {
	if column > 0 { // above the document's own fields its header may stand
		w.opening = true
	}
	for _, e := range c.entries {
		w.leads(e.head, column)
		if c.style == list {
			w.put(column, "-")
		} else {
			w.put(column, e.key+":")
		}
		w.value(e, column, c.style == list)
	}
	w.leads(c.foot, column)
}

// value writes what belongs to the key or dash that was written at a column.
func (w *writer) value(e entry, column int, item bool) {
	v := e.value
	w.comment(noteBefore(e))
	switch v.style {
	case empty:
		w.opening = true
		w.leads(v.foot, column+2)
		w.opening = false
	case mapping, list:
		if item && e.note == "" && !hasComment(v.entries[0].head) {
			w.beside(v, column)
			return
		}
		w.collection(v, column+2)
	case block:
		w.add(" " + v.header)
		w.comment(e.note)
		w.block(v, column)
	case scalar:
		w.scalar(v, column, e.note != "" || hasComment(v.head) || v.below && len(v.lines) > 1)
	case brackets:
		base := column
		if e.note != "" || hasComment(v.head) {
			base += 2
			w.opening = true
			w.leads(v.head, base)
			w.put(base, "")
		} else {
			w.add(" ")
			if item {
				base += 2
			}
		}
		w.flow(v.flow, base)
		w.comment(v.tail)
	}
}

// noteBefore is the comment on the line of a key whose value begins below.
func noteBefore(e entry) string {
	if e.value.style == block {
		return ""
	}
	return e.note
}

// beside writes a collection that begins on the line of its dash.
func (w *writer) beside(c node, column int) {
	dash := len(w.lines) - 1
	w.collection(c, column+2)
	first := w.lines[dash+1]
	w.lines[dash] += " " + strings.TrimLeft(first, " ")
	w.lines = append(w.lines[:dash+1], w.lines[dash+2:]...)
}

func (w *writer) scalar(v node, column int, below bool) {
	if below {
		w.opening = true
		w.leads(v.head, column+2)
		w.put(column+2, v.lines[0])
	} else {
		w.add(" " + v.lines[0])
	}
	for _, line := range v.lines[1:] {
		if line == "" {
			w.lines = append(w.lines, "")
			continue
		}
		w.put(column+2, line)
	}
	w.comment(v.tail)
}

// block writes the lines of a block scalar, untouched if they are where they should be.
func (w *writer) block(v node, column int) {
	to := column + 2
	if i := strings.IndexAny(v.header, "123456789"); i >= 0 {
		to = column + int(v.header[i]-'0')
	}
	for i, line := range v.lines {
		switch {
		case to == v.column:
			line = v.raw[i]
		case line != "":
			line = strings.Repeat(" ", to) + line
		}
		w.lines = append(w.lines, line)
	}
	w.opening, w.kept = false, strings.Contains(v.header, "+")
}

func hasComment(leads []string) bool {
	for _, text := range leads {
		if text != "" {
			return true
		}
	}
	return false
}

// flow goes on with brackets; base is the column of the line that they begin on.
func (w *writer) flow(f *flow, base int) {
	b := flowWriter{writer: w, base: base}
	b.value(f)
}

// flowWriter writes brackets: line breaks where the author has them, two spaces for each
// bracket that is open.
type flowWriter struct {
	*writer
	base, depth int
	breaks      int  // line breaks that are due before the next word
	space       bool // or a space
}

func (w *flowWriter) word(text string) {
	switch {
	case w.breaks > 0:
		if w.breaks > 1 {
			w.lines = append(w.lines, "")
		}
		w.put(w.base+2*w.depth, text)
	case w.space:
		w.add(" " + text)
	default:
		w.add(text)
	}
	w.breaks, w.space = 0, false
}

func (w *flowWriter) gap(g gap) {
	for _, s := range g {
		if s == "\n" {
			w.breaks++
		} else {
			w.space = true
			w.word(s)
		}
	}
}

func (w *flowWriter) value(f *flow) {
	if f == nil {
		return
	}
	if f.open == 0 {
		w.word(f.lines[0])
		for _, line := range f.lines[1:] {
			if line == "" {
				w.lines = append(w.lines, "")
				continue
			}
			w.put(w.base+2*(w.depth+1), line)
		}
		return
	}
	w.word(string(f.open))
	w.depth++
	for _, it := range f.items {
		w.gap(it.before)
		w.value(it.key)
		if it.colon {
			w.word(":")
			w.space = true
			w.gap(it.middle)
		}
		w.value(it.value)
		w.gap(it.after)
		if it.comma {
			w.space = w.space && it.value == nil // "a: ," is no word "a:,"
			w.word(",")
			w.space = true
		}
	}
	w.gap(f.end)
	w.depth--
	last := len(f.items) - 1
	w.space = last >= 0 && f.items[last].colon && f.items[last].value == nil && !f.items[last].comma
	w.word(string(f.close))
}
