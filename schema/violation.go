package schema

import (
	"cmp"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// Codes of a Violation, beside those of the root package.
const (
	CodeUnknownField = "unknown_field" // no such field here
	CodeMissingField = "missing_field" // a field that must be there is not
	CodeWrongType    = "wrong_type"    // a number where text belongs, and the like
	CodeInvalid      = crontopus.CodeInvalid
)

// Violation is one thing that a value has wrong.
type Violation struct {
	Pointer string // a JSON Pointer to the value, or to its field if AtKey
	AtKey   bool   // the field's name is what is wrong, or the fact that it stands there
	Code    string
	Message string
	Hint    string
}

func (v Violation) compare(o Violation) int {
	return cmp.Or(strings.Compare(v.Pointer, o.Pointer), strings.Compare(v.Code, o.Code), strings.Compare(v.Message, o.Message))
}

// Pointer writes a JSON Pointer (RFC 6901) to the place that the keys lead to.
func Pointer(keys ...string) string {
	var b strings.Builder
	for _, key := range keys {
		b.WriteByte('/')
		b.WriteString(pointerEscape.Replace(key))
	}
	return b.String()
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// Keys takes a JSON Pointer apart.
func Keys(pointer string) []string {
	if pointer == "" {
		return nil
	}
	keys := strings.Split(pointer[1:], "/")
	for i, key := range keys {
		keys[i] = pointerUnescape.Replace(key)
	}
	return keys
}

var pointerUnescape = strings.NewReplacer("~1", "/", "~0", "~")

// HintQuote is the hint for a plain word that YAML reads as something other than text.
// Who has the text may show it in quotes after it.
const HintQuote = "put it in quotes"
