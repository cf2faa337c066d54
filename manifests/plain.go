package manifests

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxPlain is the largest file that plainTree reads. So small a file cannot have too many
// tokens, which only the lexer counts.
const maxPlain = maxTokens

// plainTree makes the tree of a document that is written as nearly all manifests are: block
// mappings and lists, flow collections that end on their line, scalars on one line, and
// literal blocks, in ASCII. That takes a twentieth of what the library needs. Of anything
// else, right or wrong, it says that it does not know: the library then reads the document.
// What it does return, the library would have read alike, with every place the same; the
// tests hold the two against each other.
func plainTree(text string) (body ast.Node, ok bool) {
	p := plainReader{text: text}
	if !p.advance() {
		return nil, false
	}
	if p.line == "---" && !p.advance() || p.indent != 0 {
		return nil, false
	}
	body = p.mapping(0)
	return body, body != nil && p.done
}

// plainReader stands on a line that has something on it. Its methods return nil where they
// do not know.
type plainReader struct {
	text   string
	at     int    // where the next line begins
	number int    // of this line, from 1
	line   string // without the break and the spaces at its end
	spaces bool   // there were some
	indent int
	done   bool // there is no line any more

	tokens []token.Token // to be handed out
	places []token.Position
}

// advance goes to the next line with something on it but a comment. It reports false at a
// line that plainReader does not read, and at the end of the text, where done is set.
func (p *plainReader) advance() bool {
	for p.at < len(p.text) {
		p.next()
		if p.line == "" || p.line[p.indent] == '#' {
			continue
		}
		return true
	}
	p.line, p.indent, p.done = "", -1, true
	return false
}

// next goes to the next line, whatever it is.
func (p *plainReader) next() {
	line, _, _ := strings.Cut(p.text[p.at:], "\n")
	p.at += len(line) + 1
	p.number++
	p.line = strings.TrimRight(line, " ")
	p.spaces = len(p.line) < len(line)
	p.indent = 0
	for p.indent < len(p.line) && p.line[p.indent] == ' ' {
		p.indent++
	}
}

// token makes the token of what stands at a column of this line, counted from 0.
func (p *plainReader) token(kind token.Type, value string, column int) *token.Token {
	if len(p.tokens) == 0 {
		p.tokens, p.places = make([]token.Token, 48), make([]token.Position, 48)
	}
	tk, at := &p.tokens[0], &p.places[0]
	p.tokens, p.places = p.tokens[1:], p.places[1:]
	at.Line, at.Column = p.number, column+1
	tk.Type, tk.Value, tk.Origin, tk.Position = kind, value, value, at
	return tk
}

func (p *plainReader) scalar(kind token.Type, value string, column int) ast.Node {
	return &ast.StringNode{Token: p.token(kind, value, column), Value: value}
}

// mapping reads the fields at an indentation, from this line on.
func (p *plainReader) mapping(indent int) ast.Node {
	m := &ast.MappingNode{Values: make([]*ast.MappingValueNode, 0, 8)}
	for !p.done && p.indent == indent {
		field := p.field(indent)
		if field == nil {
			return nil
		}
		m.Values = append(m.Values, field)
	}
	if p.indent > indent {
		return nil
	}
	m.Start = m.Values[0].Start
	return m
}

// field reads a key and its value, and goes on to the line after it.
func (p *plainReader) field(indent int) *ast.MappingValueNode {
	end := keyEnd(p.line, indent)
	if end < 0 || end+1 < len(p.line) && p.line[end+1] != ' ' {
		return nil
	}
	f := &ast.MappingValueNode{
		Key:   p.scalar(token.StringType, p.line[indent:end], indent).(*ast.StringNode),
		Start: p.token(token.MappingValueType, ":", end),
	}
	rest := end + 1
	for rest < len(p.line) && p.line[rest] == ' ' {
		rest++
	}
	switch {
	case rest >= len(p.line) || p.line[rest] == '#':
		p.advance()
		switch {
		case p.done || p.indent < indent:
			return nil // the field has no value
		case strings.HasPrefix(p.line[p.indent:], "- "):
			f.Value = p.list(p.indent)
		case p.indent > indent:
			f.Value = p.mapping(p.indent)
		}
	case p.line[rest] == '|':
		f.Value = p.literal(indent, rest)
	default:
		f.Value = p.inline(rest)
	}
	if f.Value == nil {
		return nil
	}
	return f
}

// keyEnd returns where the colon after a plain key is, and -1 where there is no such key.
func keyEnd(line string, at int) int {
	start := at
	for ; at < len(line); at++ {
		switch c := line[at]; {
		case isLetter(c) || c == '_':
		case at > start && (isDigit(c) || c == '-' || c == '.' || c == '/'):
		case c == ':' && at > start && at-start <= maxKey:
			return at
		default:
			return -1
		}
	}
	return -1
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// list reads the items at an indentation: scalars and flow collections.
func (p *plainReader) list(indent int) ast.Node {
	s := &ast.SequenceNode{}
	for !p.done && p.indent == indent && strings.HasPrefix(p.line[indent:], "- ") {
		dash := p.token(token.SequenceEntryType, "-", indent)
		start := indent + 2
		for start < len(p.line) && p.line[start] == ' ' {
			start++
		}
		item := p.inline(start)
		if item == nil {
			return nil
		}
		s.Values = append(s.Values, item)
		s.Entries = append(s.Entries, &ast.SequenceEntryNode{Start: dash, Value: item})
	}
	if p.indent > indent || !p.done && p.indent == indent && p.line[indent] == '-' {
		return nil
	}
	s.Start = s.Entries[0].Start
	return s
}

// inline reads a value that begins at a column of this line and ends on it.
func (p *plainReader) inline(at int) ast.Node {
	node, end := p.value(at, outside, 0)
	if node == nil {
		return nil
	}
	for end < len(p.line) && p.line[end] == ' ' {
		end++
	}
	if end < len(p.line) && (p.line[end] != '#' || p.line[end-1] != ' ') {
		return nil
	}
	p.advance()
	return node
}

// surroundings are what a scalar stands in: they decide what ends it, and whether the library
// takes a colon in it for the end of a key.
type surroundings int

const (
	outside surroundings = iota // of brackets
	inList
	inMapping
	inListInMapping
)

// maxFlow is how deep flow collections may lie in each other here.
const maxFlow = 4

// value reads a value and returns where it ends; in a flow collection a comma or bracket
// ends it, too.
func (p *plainReader) value(at int, in surroundings, depth int) (node ast.Node, end int) {
	if at >= len(p.line) || depth > maxFlow {
		return nil, 0
	}
	switch c := p.line[at]; c {
	case '"':
		length := strings.IndexByte(p.line[at+1:], '"')
		if length < 0 || strings.IndexByte(p.line[at+1:at+1+length], '\\') >= 0 {
			return nil, 0
		}
		return p.scalar(token.DoubleQuoteType, p.line[at+1:at+1+length], at), at + length + 2
	case '\'':
		return p.singleQuoted(at)
	case '[':
		return p.flowList(at, in, depth)
	case '{':
		return p.flowMapping(at, depth)
	}
	return p.word(at, in)
}

func (p *plainReader) singleQuoted(at int) (node ast.Node, end int) {
	for end = at + 1; end < len(p.line); end++ {
		if p.line[end] != '\'' {
			continue
		}
		if end+1 < len(p.line) && p.line[end+1] == '\'' {
			end++
			continue
		}
		return p.scalar(token.SingleQuoteType, strings.ReplaceAll(p.line[at+1:end], "''", "'"), at), end + 1
	}
	return nil, 0
}

// word reads a plain scalar. The library places one elsewhere that may be null, or that has
// spaces after it at the end of the line: those are left to it.
func (p *plainReader) word(at int, in surroundings) (node ast.Node, end int) {
	if c := p.line[at]; !isLetter(c) && !isDigit(c) && strings.IndexByte("/_.$(+=", c) < 0 && (c != '-' || at+1 >= len(p.line) || !isLetter(p.line[at+1]) && p.line[at+1] != '-') {
		return nil, 0
	}
	for end = at; end < len(p.line); end++ {
		c := p.line[end]
		switch {
		case in != outside && (c == ',' || c == ']' || c == '}'):
			return p.plainScalar(at, end)
		case in != outside && strings.IndexByte("[{\"'`|#", c) >= 0, c == ':' && !p.insideWord(end, in):
			return nil, 0
		case c == '#' && p.line[end-1] == ' ':
			return p.plainScalar(at, end)
		}
	}
	if p.spaces {
		return nil, 0
	}
	return p.plainScalar(at, end)
}

// insideWord reports whether a colon is a part of the word that it stands in.
func (p *plainReader) insideWord(colon int, in surroundings) bool {
	if colon+1 >= len(p.line) {
		return false
	}
	next := p.line[colon+1]
	return next == '/' || next != ' ' && in == outside || (isLetter(next) || isDigit(next)) && in != inListInMapping
}

func (p *plainReader) plainScalar(at, end int) (ast.Node, int) {
	text := strings.TrimRight(p.line[at:end], " ")
	if strings.HasPrefix(text, "...") || strings.HasPrefix(text, "---") || strings.EqualFold(text, "null") {
		return nil, 0
	}
	return p.scalar(token.StringType, text, at), end
}

// flowList reads "[a, b]".
func (p *plainReader) flowList(at int, in surroundings, depth int) (ast.Node, int) {
	s := &ast.SequenceNode{Start: p.token(token.SequenceStartType, "[", at), IsFlowStyle: true}
	if in == inMapping || in == inListInMapping {
		in = inListInMapping
	} else {
		in = inList
	}
	var comma *token.Token // which is where the library places an item
	for at++; ; at++ {
		item, end := p.value(p.skip(at), in, depth+1)
		if item == nil {
			return nil, 0
		}
		s.Values = append(s.Values, item)
		s.Entries = append(s.Entries, &ast.SequenceEntryNode{Start: comma, Value: item})
		if at = p.skip(end); at >= len(p.line) {
			return nil, 0
		}
		switch p.line[at] {
		case ',':
			comma = p.token(token.CollectEntryType, ",", at)
		case ']':
			return s, at + 1
		default:
			return nil, 0
		}
	}
}

// flowMapping reads "{a: b, c: d}".
func (p *plainReader) flowMapping(at, depth int) (ast.Node, int) {
	m := &ast.MappingNode{Start: p.token(token.MappingStartType, "{", at), IsFlowStyle: true}
	for at++; ; at++ {
		start := p.skip(at)
		colon := keyEnd(p.line, start)
		if colon < 0 || colon+1 >= len(p.line) || p.line[colon+1] != ' ' {
			return nil, 0
		}
		f := &ast.MappingValueNode{
			Key:         p.scalar(token.StringType, p.line[start:colon], start).(*ast.StringNode),
			Start:       p.token(token.MappingValueType, ":", colon),
			IsFlowStyle: true,
		}
		var end int
		if f.Value, end = p.value(p.skip(colon+1), inMapping, depth+1); f.Value == nil {
			return nil, 0
		}
		m.Values = append(m.Values, f)
		if at = p.skip(end); at >= len(p.line) {
			return nil, 0
		}
		switch p.line[at] {
		case ',':
		case '}':
			return m, at + 1
		default:
			return nil, 0
		}
	}
}

func (p *plainReader) skip(at int) int {
	for at < len(p.line) && p.line[at] == ' ' {
		at++
	}
	return at
}

// literal reads the block after "|" or "|-" whose key stands at an indentation. Its lines
// are those that are indented as its first one, or more.
func (p *plainReader) literal(indent, at int) ast.Node {
	sign := p.line[at:]
	if sign != "|" && sign != "|-" {
		return nil
	}
	node := &ast.LiteralNode{Start: p.token(token.LiteralType, sign, at)}
	start, inner := p.at, 0
	var b strings.Builder
	for p.at < len(p.text) {
		before := p.at
		p.next()
		raw := p.text[before : p.at-1]
		switch {
		case inner == 0 && (raw == "" || p.indent <= indent):
			return nil // it begins with an empty line, or has none
		case inner == 0:
			inner = p.indent
		case p.line == "" && raw != "":
			return nil // spaces alone
		}
		if p.line != "" && p.indent < inner {
			p.at = before
			p.number--
			break
		}
		if raw != "" {
			b.WriteString(raw[inner:])
		}
		b.WriteByte('\n')
	}
	text := strings.TrimRight(b.String(), "\n")
	if start == p.at || text == "" {
		return nil
	}
	if sign == "|" {
		text += "\n"
	}
	node.Value = p.scalar(token.StringType, text, at).(*ast.StringNode)
	p.advance()
	return node
}

// plainText reports whether a text has only what plainTree reads: ASCII without tabs.
func plainText(text string) bool {
	if len(text) > maxPlain {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c >= 0x7f || c < ' ' && c != '\n' {
			return false
		}
	}
	return true
}
