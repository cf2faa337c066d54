package agent

import (
	"errors"
	"io/fs"
	"syscall"

	"crontopus.dev/crontopus"
)

// whyNot is why a run does not go on; the zero one says that it does.
type whyNot struct {
	reason string // one of crontopus's Reason constants of runs
	says   string // a sentence for people
}

// reasoned is an error that knows as which of the reasons of runs it counts.
type reasoned struct {
	reason string
	error
}

func (e *reasoned) Unwrap() error { return e.error }

// because gives an error its reason; nil stays nil.
func because(reason string, err error) error {
	if err == nil {
		return nil
	}
	return &reasoned{reason, err}
}

// reasonOf is why a run did not begin, otherwise where the error does not know.
func reasonOf(err error, otherwise string) string {
	if fullDisk(err) {
		return crontopus.ReasonDiskFull
	}
	if e, ok := errors.AsType[*reasoned](err); ok {
		return e.reason
	}
	return otherwise
}

// fullDisk reports whether an error is for want of room.
func fullDisk(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// reasonOfStart is why the kernel did not start a program whose folder is there.
func reasonOfStart(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return crontopus.ReasonCommandMissing
	}
	return crontopus.ReasonCannotStart
}
