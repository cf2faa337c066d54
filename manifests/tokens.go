package manifests

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// tokenize makes tokens of a document and refuses, before the parser sees them, what it
// is not to see: too many, too deep, and the features of YAML that manifests do without.
func (d *document) tokenize() (token.Tokens, bool) {
	tokens := scan(d.text)
	left := maxTokens - d.tokens
	if d.tokens += len(tokens); d.tokens > maxTokens {
		d.addAt(tokens[left], CodeTooComplex, fmt.Sprintf("the file has more than %d YAML tokens", maxTokens), "split it into several files")
		return nil, false
	}
	var depth nesting
	ok, featureLine := true, 0
	for i, tk := range tokens {
		if tk.Type == token.InvalidType {
			d.addSyntax(tk.Error, tk)
			return nil, false
		}
		if depth.add(tokens, i) > maxDepth {
			d.addAt(tk, CodeTooComplex, fmt.Sprintf("the document is nested more than %d deep", maxDepth), "make it flatter")
			return nil, false
		}
		if tk.Type == token.MappingValueType && i > 0 && utf8.RuneCountInString(tokens[i-1].Value) > maxKey {
			d.addAt(tokens[i-1], CodeTooComplex, fmt.Sprintf("the key has more than %d characters", maxKey), "make it shorter")
			return nil, false
		}
		if feature, hint := refused(tokens, i); feature != "" {
			if tk.Position.Line != featureLine { // "* * * * *" is five aliases and one problem
				d.addAt(tk, CodeYAMLFeature, feature, hint)
			}
			ok, featureLine = false, tk.Position.Line
		}
		if message, hint := misread(tokens, i); message != "" {
			d.addAt(tk, CodeSyntax, message, hint)
			ok = false
		}
	}
	return tokens, ok
}

// scan is what lexer.Tokenize does, up to the first error.
func scan(text string) token.Tokens {
	var s scanner.Scanner
	s.Init(text)
	var tokens token.Tokens
	for {
		next, err := s.Scan()
		tokens.Add(next...)
		if err != nil { // io.EOF, or an error that its own token tells
			return tokens
		}
	}
}

// refused names the feature of YAML that a token belongs to and manifests do without.
func refused(tokens token.Tokens, i int) (feature, hint string) {
	switch tokens[i].Type {
	case token.AnchorType:
		return "anchors (&) are not read", "write the value out; a text that begins with & goes in quotes"
	case token.AliasType:
		if i > 0 && isScheduleKey(tokens, i) {
			return "a schedule that begins with * must be in quotes", `write it as "` + schedulingText(tokens, i) + `"`
		}
		return "aliases (*) are not read", "write the value out; a text that begins with * goes in quotes"
	case token.MergeKeyType:
		return "merge keys (<<) are not read", "write the fields out"
	case token.TagType:
		return "tags (!) are not read", "remove it; a text that looks like a number goes in quotes"
	case token.DirectiveType:
		return "directives (%) are not read", "remove the line; a text that begins with % goes in quotes"
	case token.MappingKeyType:
		return "explicit keys (?) are not read", "write `key: value`"
	}
	return "", ""
}

// isScheduleKey reports whether an alias stands where a cron expression was meant:
// "schedule: * * * * *", or an item of the list below it.
func isScheduleKey(tokens token.Tokens, i int) bool {
	for back := i - 1; back >= 0 && i-back < 2*16+4; back-- {
		if tokens[back].Type == token.MappingValueType {
			return back > 0 && tokens[back-1].Value == "schedule"
		}
	}
	return false
}

// schedulingText puts the expression together again that the lexer took for aliases.
func schedulingText(tokens token.Tokens, i int) string {
	var b strings.Builder
	for line := tokens[i].Position.Line; i < len(tokens) && tokens[i].Position.Line == line && b.Len() < 80; i++ {
		switch tokens[i].Type {
		case token.CommentType, token.CollectEntryType, token.SequenceEndType:
			return strings.TrimSpace(b.String())
		}
		b.WriteString(tokens[i].Origin)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// misread finds what the lexer takes for something else than it is: it drops a tab inside
// a plain scalar and joins the words around it, and in braces it takes the colon of a
// second key for text, and one without a space after it for the end of a key.
func misread(tokens token.Tokens, i int) (message, hint string) {
	tk := tokens[i]
	if tk.Type == token.MappingValueType && i > 0 && i+1 < len(tokens) && tokens[i-1].Indicator != token.QuotedScalarIndicator {
		next := tokens[i+1]
		if isText(next) && next.Position.Line == tk.Position.Line && next.Position.Column == tk.Position.Column+1 {
			return "the colon has no space after it", "write `key: value`; a text with a colon in it goes in quotes"
		}
	}
	if tk.Type == token.DocumentEndType && i+1 < len(tokens) && tokens[i+1].Position.Line == tk.Position.Line && tokens[i+1].Type != token.CommentType {
		return "a text without quotes cannot begin with three dots here", "put the text in quotes"
	}
	if tk.Type != token.StringType || isBlock(tokens, i) {
		return "", ""
	}
	switch {
	case strings.Contains(strings.TrimSpace(tk.Origin), "\t"):
		return "the text has a tab and no quotes", "put the text in quotes, or write spaces"
	case strings.Contains(tk.Value, ": "):
		return "the text has a colon and no quotes", "put the text in quotes"
	}
	return "", ""
}

// isText reports whether a token is a scalar, and no bracket or comma.
func isText(tk *token.Token) bool { return tk.CharacterType == token.CharacterTypeMiscellaneous }

// isBlock reports whether a token is the text of a block scalar, after "|" or ">".
func isBlock(tokens token.Tokens, i int) bool {
	for i--; i >= 0 && tokens[i].Type == token.CommentType; i-- {
	}
	return i >= 0 && (tokens[i].Type == token.LiteralType || tokens[i].Type == token.FoldedType)
}

// nesting follows how deep collections lie in each other, in brackets and by indentation.
type nesting struct {
	flow  int
	block []level
}

// level is one block collection: the column of its keys or dashes. A list may stand at
// the column of the mapping that holds it.
type level struct {
	column int
	list   bool
}

// add takes the next token in and returns how deep it lies.
func (n *nesting) add(tokens token.Tokens, i int) int {
	switch tk := tokens[i]; tk.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.flow++
	case token.SequenceEndType, token.MappingEndType:
		n.flow--
	case token.SequenceEntryType:
		if n.flow == 0 {
			n.enter(level{tk.Position.Column, true})
		}
	case token.MappingValueType:
		if n.flow == 0 && i > 0 {
			n.enter(level{tokens[i-1].Position.Column, false})
		}
	}
	return n.flow + len(n.block)
}

func (n *nesting) enter(l level) {
	for top := len(n.block) - 1; top >= 0; top-- {
		above := n.block[top]
		if above == l {
			return
		}
		if above.column < l.column || above.column == l.column && l.list {
			break
		}
		n.block = n.block[:top]
	}
	n.block = append(n.block, l)
}
