package crontopus

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong in a manifest. Path is a JSON Pointer (RFC 6901)
// into the document; Line and Column count from 1, in characters, and are 0 where a
// problem has no place (a file that cannot be read).
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// String returns "file:line:column: message".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + p.Message)
	return b.String()
}
