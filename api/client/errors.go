package client

import (
	"errors"
	"net/url"
	"syscall"
)

// isRefused reports whether nobody listens at the address.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// cause takes off what net/http puts before an error: the method and the whole URL.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
