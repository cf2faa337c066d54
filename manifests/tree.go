package manifests

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parse makes a tree of tokens. A nil tree is an empty document.
func (d *document) parse(tokens token.Tokens) (body ast.Node, ok bool) {
	defer func() {
		// The parser is not ours and the input is anyone's: should it panic, the document
		// is no YAML that can be read, and the rest of the files still is.
		if recover() != nil {
			d.addSyntax("", tokens[0])
			body, ok = nil, false
		}
	}()
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are found here, all at once
	if err != nil {
		var at interface { // goccy's SyntaxError, without importing all of goccy
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &at) {
			d.addSyntax(at.GetMessage(), at.GetToken())
		} else {
			d.addSyntax("", tokens[0])
		}
		return nil, false
	}
	for _, doc := range file.Docs {
		if _, comments := doc.Body.(*ast.CommentGroupNode); doc.Body != nil && !comments {
			return doc.Body, true
		}
	}
	return nil, true
}

// value decodes a node to maps, slices and scalars. What it cannot decode it reports, and
// goes on.
func (d *document) value(node ast.Node, at []string) any {
	switch n := node.(type) {
	case *ast.MappingNode:
		return d.mapping(n.Values, at)
	case *ast.MappingValueNode:
		return d.mapping([]*ast.MappingValueNode{n}, at)
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, item := range n.Values {
			list[i] = d.value(item, append(at, strconv.Itoa(i)))
		}
		return list
	}
	v, err := scalar(node)
	if err != nil {
		d.addPointer(at, false, err.code, err.message, err.hint)
		return nil
	}
	if text, isText := v.(string); isText {
		if c, hidden := hiddenCharacter(text, multiline(at)); hidden {
			d.addPointer(at, false, CodeHiddenCharacter, hiddenMessage(c), hiddenHint(c, at))
		}
		d.placeholders = d.placeholders || strings.Contains(text, placeholderMark)
	}
	return v
}

func (d *document) mapping(fields []*ast.MappingValueNode, at []string) map[string]any {
	m := make(map[string]any, len(fields))
	for _, field := range fields {
		tk := field.Key.GetToken()
		key, isText := plainKey(field.Key)
		if !isText {
			d.addAt(tk, CodeKeyType, fmt.Sprintf("the key %s is not text", tk.Value), fmt.Sprintf("put it in quotes: %q", tk.Value))
			continue
		}
		if c, hidden := hiddenCharacter(key, false); hidden {
			d.addAt(tk, CodeHiddenCharacter, hiddenMessage(c), "remove it")
			continue
		}
		here := append(at, key)
		if _, twice := m[key]; twice {
			first := firstKey(fields, key).Position
			d.addToken(tk, here, CodeDuplicateKey, fmt.Sprintf("the key %q is here twice; the first is on line %d", key, first.Line+d.line), "remove one of the two")
			continue
		}
		m[key] = d.value(field.Value, here)
	}
	return m
}

func plainKey(node ast.MapKeyNode) (string, bool) {
	v, err := scalar(node)
	key, isText := v.(string)
	return key, isText && err == nil
}

func firstKey(fields []*ast.MappingValueNode, key string) *token.Token {
	i := slices.IndexFunc(fields, func(f *ast.MappingValueNode) bool { return f.Key.GetToken().Value == key })
	return fields[i].Key.GetToken()
}

// find returns the token of the value, or of the key, that keys lead to; where the way
// ends early, what it got to.
func find(node ast.Node, keys []string, wantKey bool) *token.Token {
	tk := node.GetToken()
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		tk = m.Values[0].Key.GetToken() // its own token is the colon
	}
	for i, key := range keys {
		var next ast.Node
		switch n := node.(type) {
		case *ast.MappingNode:
			for _, field := range n.Values {
				if name := field.Key.GetToken(); name.Value == key {
					next, tk = field.Value, name
					break
				}
			}
		case *ast.SequenceNode:
			if index, err := strconv.Atoi(key); err == nil && index < len(n.Values) {
				next = n.Values[index]
				tk = n.Entries[index].Start
				if tk == nil {
					tk = next.GetToken()
				}
			}
		}
		if next == nil {
			return tk
		}
		if node = next; i == len(keys)-1 && !wantKey {
			switch node := node.(type) {
			case *ast.MappingNode, *ast.NullNode: // its key says better where it is
			case *ast.SequenceNode:
				if node.IsFlowStyle {
					return node.GetToken()
				}
			default:
				return node.GetToken()
			}
		}
	}
	return tk
}

// multiline reports whether newlines and tabs are at home in a value.
func multiline(at []string) bool {
	switch len(at) {
	case 2:
		return at[0] == "metadata" && at[1] == "description"
	case 3:
		return at[0] == "metadata" && at[1] == "annotations" || at[0] == "spec" && at[1] == "run" && at[2] == "script"
	}
	return false
}

// hiddenCharacter returns the first character that a terminal, a crontab or a page would
// act on instead of showing it: controls, and those that turn the direction of the text
// around, so that a reviewer reads something else than what runs.
func hiddenCharacter(text string, multiline bool) (rune, bool) {
	for _, c := range text {
		switch {
		case c >= ' ' && c < 0x7f:
		case (c == '\n' || c == '\t') && multiline:
		case unicode.Is(unicode.Cc, c), unicode.Is(unicode.Bidi_Control, c), c == '\u2028', c == '\u2029', c == '\ufeff':
			return c, true
		}
	}
	return 0, false
}

func hiddenMessage(c rune) string {
	switch c {
	case '\n':
		return "the text has a line break"
	case '\t':
		return "the text has a tab"
	}
	return fmt.Sprintf("the text has the invisible character U+%04X", c)
}

func hiddenHint(c rune, at []string) string {
	if c == '\n' && len(at) > 2 && at[2] == "command" {
		return "write run.script for more than one line"
	}
	return "remove it"
}
