package format

import (
	"bytes"
	"strings"
)

// flow is a value inside brackets, or the brackets and all that is in them.
type flow struct {
	lines       []string // of a scalar, trimmed
	open, close byte     // of a list or mapping
	items       []item
	end         gap // before the closing bracket
}

// item is one item of a list, or one field of a mapping.
type item struct {
	before gap
	key    *flow // nil: an item, or a key of no text
	colon  bool
	middle gap   // after the colon
	value  *flow // nil: there is none
	after  gap   // before the comma
	comma  bool
}

// gap is what stands between two words: line breaks ("\n") and comments.
type gap []string

func (g gap) comments() bool {
	for _, s := range g {
		if s != "\n" {
			return true
		}
	}
	return false
}

// flowParser reads brackets in good YAML.
type flowParser struct {
	text   []byte
	at     int
	failed bool
}

func (f *flowParser) peek() byte {
	if f.at >= len(f.text) {
		f.failed = true
		return 0
	}
	return f.text[f.at]
}

func (f *flowParser) gap() (g gap) {
	for begin := f.at; f.at < len(f.text); {
		switch c := f.text[f.at]; {
		case c == ' ', c == '\t':
			f.at++
		case c == '\n':
			g = append(g, "\n")
			f.at++
		case c == '#' && f.at > begin:
			end := f.at + bytes.IndexByte(f.text[f.at:], '\n') // the text ends with one
			g = append(g, strings.TrimRight(string(f.text[f.at:end]), " \t"))
			f.at = end
		default:
			return g
		}
	}
	return g
}

func (f *flowParser) value() *flow {
	switch c := f.peek(); c {
	case '[':
		return f.brackets('[', ']')
	case '{':
		return f.brackets('{', '}')
	case '"', '\'':
		end := quotedEnd(f.text, f.at)
		if end < 0 {
			f.failed = true
			return nil
		}
		v := &flow{lines: quotedLines(string(f.text[f.at:end]))}
		f.at = end
		return v
	}
	return f.plain()
}

func (f *flowParser) brackets(open, closing byte) *flow {
	v := &flow{open: open, close: closing}
	f.at++
	var it item
	for it.before = f.gap(); f.peek() != closing && !f.failed; {
		it.value = f.value()
		it.after = f.gap()
		if f.peek() == ':' {
			if len(it.after) > 0 {
				f.failed = true // a key and its colon on two lines
			}
			f.at++
			it.key, it.colon, it.value = it.value, true, nil
			it.middle = f.gap()
			if c := f.peek(); c != ',' && c != closing {
				it.value = f.value()
				it.after = f.gap()
			} else {
				it.middle, it.after = nil, it.middle
			}
		}
		next := item{}
		switch f.peek() {
		case ',':
			f.at++
			it.comma = true
			next.before = f.gap()
		case closing:
			next.before, it.after = it.after, nil
		default:
			f.failed = true
		}
		v.items = append(v.items, it)
		it = next
	}
	f.at++
	v.end = it.before
	return v
}

// plain reads text without quotes; nil if there is none.
func (f *flowParser) plain() *flow {
	begin := f.at
	for ; f.at < len(f.text); f.at++ {
		c := f.text[f.at]
		space := f.at > begin && bytes.IndexByte([]byte(" \t\n"), f.text[f.at-1]) >= 0
		if bytes.IndexByte([]byte(",[]{}"), c) >= 0 || c == '#' && space {
			break
		}
		if c == ':' && f.at+1 < len(f.text) && bytes.IndexByte([]byte(" \t\n,[]{}"), f.text[f.at+1]) >= 0 {
			break
		}
	}
	text := strings.TrimRight(string(f.text[begin:f.at]), " \t\n")
	f.at = begin + len(text)
	if text == "" {
		return nil
	}
	if text[0] == '#' { // "{#": no text begins so, and a comment has a space before it
		f.failed = true
		return nil
	}
	v := &flow{}
	for line := range strings.SplitSeq(text, "\n") {
		v.lines = append(v.lines, strings.TrimSpace(line))
	}
	return v
}

// quotedEnd returns where the text is that follows the quoted one at i, or -1.
func quotedEnd(text []byte, i int) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return -1
}

// quotedLines parts a quoted text into its lines, without the spaces around their breaks,
// which say nothing unless a backslash stands before them.
func quotedLines(text string) []string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i > 0 {
			line = strings.TrimLeft(line, " \t")
		}
		if i < len(lines)-1 {
			if bare := strings.TrimRight(line, " \t"); text[0] == '\'' || !strings.HasSuffix(bare, `\`) {
				line = bare
			}
		}
		lines[i] = line
	}
	return lines
}
