package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"crontopus.dev/crontopus"
)

// addDirect registers an operation that reads its request and writes its answer itself, for what comes thousands
// of times a second. I and O only describe it. An error that serve returns is the answer.
func addDirect[I, O any](r *router, needs permission, op huma.Operation, serve func(http.ResponseWriter, *http.Request, caller) error) {
	add(r, needs, op, func(context.Context, *I) (*O, error) { return nil, errInternal })
	r.mux.MethodFunc(op.Method, op.Path, func(w http.ResponseWriter, req *http.Request) { // in the place of huma's
		c, err := r.caller(req, needs)
		if err == nil {
			err = serve(w, req, c)
		}
		if err != nil {
			writeProblem(w, r.problem(req.Context(), err))
		}
	})
}

// pathParam is a part of the path, without its percents.
func pathParam(r *http.Request, name string) string {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value // chi has matched the path that is decoded
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// readBody returns the body of a request, errTooLarge of one with more than limit bytes. It counts as memory of
// whose it is until release is called.
func (r *router) readBody(req *http.Request, whose string, limit int64) (body []byte, release func(), err error) {
	defer req.Body.Close()
	if req.ContentLength > limit {
		if req.Header.Get("Expect") == "" { // who asks first sends nothing, unless somebody reads
			drain(req.Body)
		}
		return nil, nil, errTooLarge
	}
	body, more, release, err := r.readStart(req, whose, limit)
	if err == nil && more {
		release()
		drain(req.Body)
		return nil, nil, errTooLarge
	}
	return body, release, err
}

// readStart returns the first bytes of a body, and whether there are more.
func (r *router) readStart(req *http.Request, whose string, limit int64) (start []byte, more bool, release func(), err error) {
	size := req.ContentLength
	known := size >= 0 && size <= limit
	if !known {
		size = limit
	}
	if release, err = r.bodies.acquire(req.Context(), whose, min(size, bodiesOfOne)); err != nil {
		return nil, false, nil, err
	}
	if known {
		start = make([]byte, size)
		_, err = io.ReadFull(req.Body, start)
	} else if start, err = io.ReadAll(io.LimitReader(req.Body, size)); err == nil {
		n, _ := io.ReadFull(req.Body, make([]byte, 1)) // what breaks off here has brought as much as is taken
		more = n > 0
	}
	if err != nil {
		release()
		return nil, false, nil, bodyError(err)
	}
	return start, more, release, nil
}

// bodyDrain is how much of a body is read and dropped, so that the caller, who sends first and listens then, gets to
// hear the answer. Of what is larger or comes too slowly, no more is read.
const bodyDrain = 128 << 20

func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, bodyDrain) }

func bodyError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return crontopus.Errorf(codeTimeout, "the request's body did not arrive in time")
	}
	return invalid("the request's body ended before its end: %w", err)
}

var errTooLarge = crontopus.Errorf(crontopus.CodeTooLarge, "the request's body is larger than this route takes")

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // the caller may have gone
}
