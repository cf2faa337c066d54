package manifests

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"sync"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// fault is why a scalar cannot be taken.
type fault struct{ code, message, hint string }

// scalar decodes a scalar as YAML 1.2's core schema says. The parser's own opinion is not
// asked: it also reads numbers as YAML 1.1 did, and turns those that are too large to text.
func scalar(node ast.Node) (any, *fault) {
	switch n := node.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode:
		if n.Token.Type != token.StringType {
			return n.Value, nil // in quotes
		}
		return plain(n.Value)
	case *ast.NullNode:
		return nil, nil
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return plain(node.GetToken().Value)
	}
	return nil, &fault{CodeSyntax, "this cannot be read as a value", "put it in quotes if it is text"}
}

var (
	integer     = lazyRegexp(`^[-+]?(0|[1-9][0-9]*)$`)
	floating    = lazyRegexp(`^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	notFinite   = lazyRegexp(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	differently = lazyRegexp(`^[-+]?(0[0-9_]+(\.[0-9_]*)?|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9]*_[0-9_]*(\.[0-9_]*)?)$`)
)

// lazyRegexp is compiled when a manifest first needs it.
func lazyRegexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// plain decodes a scalar without quotes.
func plain(text string) (any, *fault) {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil, nil
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	if c := text[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return text, nil // most scalars: no number begins like this
	}
	switch {
	case integer().MatchString(text):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		return nil, &fault{CodeNumber, "the number is too large", quoteIt(text)}
	case floating().MatchString(text):
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
			return f, nil
		}
		return nil, &fault{CodeNumber, "the number is too large", quoteIt(text)}
	case notFinite().MatchString(text):
		return nil, &fault{CodeNumber, text + " is not a number that anything here can be", quoteIt(text)}
	case differently().MatchString(text):
		return nil, &fault{CodeNumber, fmt.Sprintf("%.40s is read differently by different versions of YAML", text),
			"write a plain decimal number; " + quoteIt(text)}
	}
	return text, nil
}

func quoteIt(text string) string { return fmt.Sprintf("if it is text, put it in quotes: %.40q", text) }
