package crontopus

import "fmt"

// Problem is one thing that is wrong in a manifest. Path is a JSON Pointer (RFC 6901)
// into the document; Line and Column count from 1, in characters, and are 0 where a
// problem has no place (a file that cannot be read). Code is the rule that it breaks.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`

	// Severity is SeverityError where it is empty. Only an error makes a manifest invalid.
	Severity string `json:"severity,omitempty"`
}

// How much a problem matters.
const (
	SeverityError   = "error"   // the manifest is invalid
	SeverityWarning = "warning" // the manifest is valid, and will hardly do what was meant
	SeverityNotice  = "notice"  // worth knowing
)

// Level returns the problem's severity.
func (p Problem) Level() string {
	if p.Severity == "" {
		return SeverityError
	}
	return p.Severity
}

// Place returns "file:line:column", or the file alone where the problem has no place in it.
func (p Problem) Place() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// String returns "file:line:column: message".
func (p Problem) String() string { return p.Place() + ": " + p.Message }
