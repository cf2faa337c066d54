package manifests

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	crontopus "crontopus.dev/crontopus"
)

// Limits of one file. The lexer and the parser are linear in text and tokens for most
// input; each limit here closes a case in which they are not, or take memory without
// bound.
const (
	maxBytes      = 256 << 10
	maxTokens     = 20_000
	maxDepth      = 32
	maxKey        = 128 // the parser keeps every node's whole path: key lengths multiply
	maxBlankLines = 100 // the lexer copies a block scalar for each blank line at its end
	maxRun        = 500 // the lexer looks ahead over a run of "<" from each of its characters
	maxTabs       = 500 // … and over the rest of a quoted line from each of its tabs
	maxProblems   = 200 // nobody reads more of one file
)

const bom = "\ufeff"

// guard lets through text that the lexer may see: without BOM, with LF as the only line
// break. Columns and lines stay those of the file, because nothing before a character on
// its line is removed but the BOM, which no editor counts.
func (r *reader) guard(data []byte) (text string, ok bool) {
	if len(data) > maxBytes {
		r.add(crontopus.Problem{Code: CodeTooLarge, Line: 1, Column: 1,
			Message: "the file has more than 256 KiB",
			Hint:    "split it into several files"})
		return "", false
	}
	data = bytes.TrimPrefix(data, []byte(bom))
	text = strings.ReplaceAll(string(data), "\r\n", "\n")
	if !r.allText(text) || !r.allBounded(text) {
		return "", false
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n" // the lexer drops a tag at the very end
	}
	return text, true
}

// allText reports whether the text is UTF-8 and has no character that YAML forbids, and
// adds a problem for the first that it has.
func (r *reader) allText(text string) bool {
	line, start := 1, 0
	for i, c := range text {
		switch {
		case c == '\n':
			line, start = line+1, i+1
			continue
		case c == '\t' || c >= ' ' && c < 0x7f:
			continue
		}
		message, hint := "", "remove it; in a quoted text, write it as an escape"
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			message, hint = "the file is not UTF-8 text", "save it as UTF-8"
		case c == 0:
			message, hint = "the file has a NUL character", "save it as UTF-8 text"
		case c == '\r':
			message, hint = "a carriage return stands alone", "end lines with LF or CRLF"
		case c < ' ' || c >= 0x7f && c < 0xa0:
			message = fmt.Sprintf("the file has the control character U+%04X", c)
		case c == '\ufeff' || c == '\ufffe' || c == '\uffff':
			message = fmt.Sprintf("the file has the character U+%04X, which is no text", c)
		}
		if message != "" {
			r.add(crontopus.Problem{Code: CodeNotText, Line: line, Column: utf8.RuneCountInString(text[start:i]) + 1, Message: message, Hint: hint})
			return false
		}
	}
	return true
}

// allBounded reports whether the text has no run that makes the lexer slow.
func (r *reader) allBounded(text string) bool {
	tooMany := func(line int, format string, args ...any) bool {
		r.add(crontopus.Problem{Code: CodeTooComplex, Line: line, Column: 1,
			Message: fmt.Sprintf(format, args...), Hint: "make it shorter"})
		return false
	}
	line, blank := 0, 0
	for each := range strings.Lines(text) {
		line++
		if strings.TrimSpace(each) == "" {
			if blank++; blank > maxBlankLines {
				return tooMany(line, "more than %d blank lines follow each other", maxBlankLines)
			}
			continue
		}
		blank = 0
		if strings.Count(each, "\t") > maxTabs {
			return tooMany(line, "the line has more than %d tabs", maxTabs)
		}
		if strings.Contains(each, longRun) {
			return tooMany(line, "more than %d characters < follow each other", maxRun)
		}
	}
	return true
}

var longRun = strings.Repeat("<", maxRun+1)
