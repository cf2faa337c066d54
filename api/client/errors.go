package client

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"crontopus.dev/crontopus"
)

// maxRetryAfter is how long a server, or whoever answers in its place, may send us away.
const maxRetryAfter = 2 * time.Minute

// busyError is an error that says when to come back.
type busyError struct {
	problem *crontopus.Error
	after   time.Duration
}

func (e busyError) Error() string { return e.problem.Error() }
func (e busyError) Unwrap() error { return e.problem }

// RetryAfter is how long to wait at least; internal/loop heeds it.
func (e busyError) RetryAfter() time.Duration { return e.after }

// retryLater adds what a Retry-After header says, in seconds.
func retryLater(resp *http.Response, err *crontopus.Error) error {
	seconds, bad := strconv.Atoi(resp.Header.Get("Retry-After"))
	if bad != nil || seconds <= 0 {
		return err
	}
	return busyError{err, min(time.Duration(min(seconds, 3600))*time.Second, maxRetryAfter)}
}

// isRefused reports whether nobody listens at the address.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// cause takes off what net/http puts before an error: the method and the whole URL.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
