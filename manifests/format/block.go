package format

import "strings"

// style is how a value is written.
type style int

const (
	empty    style = iota // no value; there may be comments where one would stand
	mapping               // fields, each on lines of its own
	list                  // items after dashes
	scalar                // text, in quotes or without
	brackets              // a list or mapping in brackets
	block                 // text after | or >
)

// node is a value as it is written.
type node struct {
	style   style
	entries []entry  // of a mapping or list
	foot    []string // comments after the last entry
	lines   []string // of a scalar, trimmed; of a block, without its indentation
	raw     []string // a block's lines as they stand, indented by column
	column  int
	header  string // of a block: |, >- and the like
	flow    *flow
	head    []string // comments between the key and what stands below it
	below   bool     // begins on a line below its key
	tail    string   // the comment behind it
}

// entry is a field of a mapping, or an item of a list, with the comments that are its own.
type entry struct {
	head  []string // comments and blank lines ("") above it
	key   string   // as written, with its quotes; "" of an item
	note  string   // the comment on its line, if the value begins below
	value node
}

// document is one document of a file.
type document struct {
	marker string   // the line "---", if it has one
	header []string // what stands above the first field, and stays there
	root   node
	end    string // the line "...", if it has one
}

// parser reads a document that is known to be good YAML, without anchors, tags, directives
// and explicit keys. Where it meets what it does not understand it gives up.
type parser struct {
	text   []byte
	starts []int // of the lines
	at     int   // the line to read next
	failed bool
}

func parse(body string) (doc document, ok bool) {
	last := strings.LastIndexByte(body[:len(body)-1], '\n') + 1
	if strings.HasPrefix(body[last:], "...") {
		body, doc.end = body[:last], strings.TrimSpace(body[last:])
	}
	p := parser{text: []byte(body)}
	for at := 0; at < len(body); {
		p.starts = append(p.starts, at)
		if at = at + strings.IndexByte(body[at:], '\n') + 1; at == 0 {
			return doc, false
		}
	}
	if rest, marked := strings.CutPrefix(p.line(0), "---"); marked {
		if rest = strings.TrimSpace(rest); rest != "" {
			if !strings.HasPrefix(rest, "#") {
				return doc, false
			}
			rest = " " + rest
		}
		doc.marker = "---" + rest
		p.at++
	}
	doc.root = p.below(-1, false)
	for _, l := range p.leads() { // behind brackets
		doc.root.foot = append(doc.root.foot, l.text)
	}
	if p.failed || p.at < len(p.starts) {
		return doc, false
	}
	for n := len(doc.root.foot); n > 0 && doc.root.foot[n-1] == ""; n-- {
		doc.root.foot = doc.root.foot[:n-1]
	}
	switch {
	case len(doc.root.entries) > 0:
		first := &doc.root.entries[0]
		doc.header, first.head = first.head, nil
	case doc.root.style == brackets:
		doc.header, doc.root.head = doc.root.head, nil
	default:
		return doc, false
	}
	return doc, true
}

// line returns a line without its break.
func (p *parser) line(i int) string {
	end := len(p.text)
	if i+1 < len(p.starts) {
		end = p.starts[i+1]
	}
	return string(p.text[p.starts[i] : end-1])
}

func (p *parser) done() bool { return p.failed || p.at >= len(p.starts) }

func (p *parser) fail() { p.failed = true }

// lead is a comment or blank line, and the column where it begins.
type lead struct {
	text   string
	column int
}

// leads reads on to the next line that is neither comment nor blank.
func (p *parser) leads() (found []lead) {
	for ; !p.done(); p.at++ {
		line := p.line(p.at)
		text := strings.TrimSpace(line)
		if text != "" && text[0] != '#' {
			break
		}
		found = append(found, lead{text, indentOf(line)})
	}
	return found
}

// split parts what stands after a block from what stands before the next: comments as far
// in as the block are its own. It returns them, and how many lines they are.
func split(leads []lead, column int) (own []string, n int) {
	for i, l := range leads {
		if l.text != "" {
			if l.column < column {
				break
			}
			n = i + 1
		}
	}
	return texts(leads[:n]), n
}

func texts(leads []lead) []string {
	var all []string
	for _, l := range leads {
		all = append(all, l.text)
	}
	return all
}

// below reads the value on the lines below a key at a column, or below a dash. A list may
// begin at the column of the key that it belongs to.
func (p *parser) below(column int, mayList bool) node {
	start := p.at
	leads := p.leads()
	if !p.done() {
		line := p.line(p.at)
		in := indentOf(line)
		switch {
		case in <= column && (in != column || !mayList || !isDash(line[in:])):
		case isDash(line[in:]) || keyEnd(line[in:]) >= 0:
			return p.collection(in, leads, column)
		default:
			v := p.value(column, in)
			v.head, v.below = texts(leads), true
			return v
		}
	}
	foot, n := split(leads, column+1)
	p.at = start + n
	return node{foot: foot}
}

// collection reads a mapping or list whose entries begin at a column, as does the next
// line; leads stand above it.
func (p *parser) collection(column int, leads []lead, parent int) node {
	c := node{style: mapping}
	if isDash(p.line(p.at)[column:]) {
		c.style = list
	}
	for {
		e := p.entry(column, c.style)
		e.head = texts(leads)
		c.entries = append(c.entries, e)
		start := p.at
		leads = p.leads()
		if !p.done() {
			line := p.line(p.at)
			in := indentOf(line)
			if in == column && isDash(line[in:]) == (c.style == list) {
				continue
			}
			if in > column {
				p.fail()
			}
		}
		if p.failed {
			return c
		}
		own := column
		if column == parent {
			own++ // what stands at the column of the key is about the next key
		}
		var n int
		c.foot, n = split(leads, own)
		p.at = start + n
		return c
	}
}

func (p *parser) entry(column int, in style) (e entry) {
	line := p.line(p.at)
	end := 0
	if in == mapping {
		if end = keyEnd(line[column:]); end < 0 {
			p.fail()
			return e
		}
		e.key = strings.TrimRight(line[column:column+end], " \t")
	}
	rest := line[column+end+1:]
	text := strings.TrimLeft(rest, " \t")
	if text == "" || text[0] == '#' {
		e.note = strings.TrimRight(text, " \t")
		p.at++
		e.value = p.below(column, in == mapping)
		return e
	}
	begin := len(line) - len(text)
	if in == list && (isDash(text) || keyEnd(text) >= 0) {
		p.text[p.starts[p.at]+column] = ' ' // the dash has been read
		e.value = p.collection(begin, nil, column)
		return e
	}
	e.value = p.value(column, begin)
	if e.value.style == block {
		e.note, e.value.tail = e.value.tail, ""
	}
	return e
}

// value reads what begins on the present line at begin and belongs to a key, or dash, at a
// column.
func (p *parser) value(column, begin int) node {
	start := p.starts[p.at] + begin
	switch c := p.text[start]; c {
	case '"', '\'':
		end := quotedEnd(p.text, start)
		if end < 0 {
			p.fail()
			return node{}
		}
		return p.ended(node{style: scalar, lines: quotedLines(string(p.text[start:end]))}, end)
	case '[', '{':
		f := flowParser{text: p.text, at: start}
		v := f.value()
		if f.failed {
			p.fail()
			return node{}
		}
		return p.ended(node{style: brackets, flow: v}, f.at)
	case '|', '>':
		return p.block(column, string(p.text[start:p.starts[p.at]+len(p.line(p.at))]))
	}
	return p.plain(column, begin)
}

// ended takes in the comment behind a value that ends at a place in the text.
func (p *parser) ended(v node, end int) node {
	for p.at+1 < len(p.starts) && p.starts[p.at+1] <= end {
		p.at++
	}
	v.tail = strings.TrimSpace(p.line(p.at)[end-p.starts[p.at]:])
	if v.tail != "" && v.tail[0] != '#' {
		p.fail()
	}
	p.at++
	return v
}

// plain reads text without quotes, which goes on over the lines that are further in.
func (p *parser) plain(column, begin int) node {
	v := node{style: scalar}
	for from := begin; ; {
		text := p.line(p.at)[from:]
		p.at++
		if i := commentIn(text); i >= 0 {
			text, v.tail = text[:i], strings.TrimSpace(text[i:])
		}
		v.lines = append(v.lines, strings.TrimSpace(text))
		next := p.at
		for next < len(p.starts) && strings.TrimSpace(p.line(next)) == "" {
			next++
		}
		if v.tail != "" || next == len(p.starts) {
			return v
		}
		line := p.line(next)
		if from = indentOf(line); from <= column || line[from] == '#' {
			return v
		}
		for ; p.at < next; p.at++ {
			v.lines = append(v.lines, "")
		}
	}
}

// blockHeader parts the line that a block scalar begins on into its signs and its comment.
func blockHeader(text string) (header, comment string, ok bool) {
	header, rest := text, ""
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		header, rest = text[:i], strings.TrimSpace(text[i:])
	}
	signs := strings.Trim(header[1:], "+-")
	digit := len(signs) == 1 && signs[0] >= '1' && signs[0] <= '9'
	return header, rest, len(header) <= 3 && (signs == "" && len(header) <= 2 || digit) && (rest == "" || rest[0] == '#')
}

// block reads the lines of a block scalar.
func (p *parser) block(column int, text string) node {
	v := node{style: block}
	var ok bool
	if v.header, v.tail, ok = blockHeader(text); !ok {
		p.fail()
		return node{}
	}
	p.at++
	if i := strings.IndexAny(v.header, "123456789"); i >= 0 {
		v.column = max(column, 0) + int(v.header[i]-'0')
	}
	last := 0
	for ; p.at < len(p.starts); p.at++ {
		line := p.line(p.at)
		if strings.Trim(line, " ") != "" {
			in := indentOf(line)
			if v.column == 0 && in > column {
				v.column = in
			}
			if in < max(v.column, column+1) {
				break
			}
			last = len(v.raw) + 1
		} else if v.column > 0 && len(line) > v.column {
			last = len(v.raw) + 1 // spaces beyond the indentation are text
		}
		v.raw = append(v.raw, line)
	}
	if !strings.Contains(v.header, "+") {
		p.at -= len(v.raw) - last
		v.raw = v.raw[:last]
	}
	for _, line := range v.raw {
		v.lines = append(v.lines, line[min(v.column, len(line)):])
	}
	return v
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func isDash(text string) bool {
	return text == "-" || strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "-\t")
}

// keyEnd returns where the colon stands after the key that a text begins with, or -1.
func keyEnd(text string) int {
	if text == "" {
		return -1
	}
	switch text[0] {
	case '"', '\'':
		end := quotedEnd([]byte(text), 0)
		if end < 0 {
			return -1
		}
		end += len(text[end:]) - len(strings.TrimLeft(text[end:], " \t"))
		if isColon(text, end) {
			return end
		}
		return -1
	case '[', '{', '|', '>', '#':
		return -1
	}
	stop := commentIn(text)
	if stop < 0 {
		stop = len(text)
	}
	for i := range stop {
		if isColon(text, i) {
			return i
		}
	}
	return -1
}

func isColon(text string, i int) bool {
	return i < len(text) && text[i] == ':' && (i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t')
}

// commentIn returns where the comment begins on a line of plain text, or -1.
func commentIn(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
			return i
		}
	}
	return -1
}
