package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/safetext"
)

// Exit codes of every command.
const (
	exitOK       = 0
	exitProblems = 1 // the command worked, and what it looked at is not right
	exitFailed   = 2 // the command could not do what it was asked
)

// exitError ends the program with a code of its own. Without an err nothing is printed:
// the command has said everything already.
type exitError struct {
	code int
	err  error
}

// errProblems ends a command that has printed the problems or differences it found.
var errProblems = &exitError{code: exitProblems}

// errUnread ends a command that has printed what it found, and that it could not read
// everything.
var errUnread = &exitError{code: exitFailed}

// Error returns the cause's message.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

// report prints the error that a command ended with and returns the exit code. It is the
// one place that prints errors.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		code, err = exit.code, exit.err
		if err == nil {
			return code
		}
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "crontopus: interrupted")
		return code
	}
	several := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // one that is inside another error is part of its text
		several = joined.Unwrap()
	}
	for _, err := range several {
		fmt.Fprintln(stderr, safetext.Lines("crontopus: "+err.Error()))
		if hint := crontopus.ErrorHint(err); hint != "" {
			fmt.Fprintln(stderr, safetext.Lines("hint: "+hint))
		}
	}
	return code
}

// pointToList says where to look when something is not there: at the list of the same
// group.
func pointToList(cmd *cobra.Command, err error) error {
	if crontopus.ErrorCode(err) != crontopus.CodeNotFound || crontopus.ErrorHint(err) != "" || !cmd.HasParent() {
		return err
	}
	for _, sibling := range cmd.Parent().Commands() {
		if sibling.Name() == "list" {
			return crontopus.Errorf(crontopus.CodeNotFound, "%w", err).WithHint("%s shows what there is", sibling.CommandPath())
		}
	}
	return err
}
