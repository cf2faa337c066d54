package crontopus

import (
	"errors"
	"fmt"
	"strings"
)

// Codes that an Error carries. A program decides by the code, a person reads the
// message. A package may add more specific codes of its own; api/errors.go turns each
// into an HTTP status.
const (
	CodeInvalid      = "invalid"      // the request or value can never work as it is
	CodeUnsupported  = "unsupported"  // understood, but this version does not do it
	CodeUnauthorized = "unauthorized" // nobody is known to be asking
	CodeForbidden    = "forbidden"    // known, but not allowed
	CodeNotFound     = "not_found"    // no such thing, or not yours: the answer is the same
	CodeConflict     = "conflict"     // the thing exists, or changed meanwhile
	CodeGone         = "gone"         // it existed and has ended
	CodeTooLarge     = "too_large"    // over a limit that the message names
	CodeUnavailable  = "unavailable"  // try again later
	CodeClockSkew    = "clock_skew"   // the caller's clock is off by too much
	CodeInternal     = "internal"     // our fault; the cause is in the log
)

// Error is an error that a user may see: what happened, and what to do next.
type Error struct {
	Code    string // one of the Code constants or a package's own
	Message string // a sentence without final stop: what happened, and to what
	Hint    string // what to do next; may be empty
	Err     error  // the cause, for logs; never shown over the network
}

// Error returns message and cause in one line.
func (e *Error) Error() string {
	if e.Err == nil || strings.Contains(e.Message, e.Err.Error()) {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a code and a formatted message; a %w verb sets the cause. One
// at the end, after a colon, is the cause only: it is not in the message.
func Errorf(code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	message, cause := err.Error(), errors.Unwrap(err)
	if cause != nil {
		message = strings.TrimSuffix(message, ": "+cause.Error())
	}
	return &Error{Code: code, Message: message, Err: cause}
}

// WithHint returns a copy of the error that says what to do next.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// ErrorCode returns the code of the first Error in err's chain, CodeInternal for an
// error that has none, and "" for nil.
func ErrorCode(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// ErrorHint returns the hint of the first Error in err's chain, or "".
func ErrorHint(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Hint
	}
	return ""
}
