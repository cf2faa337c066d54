package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"

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

// bodyDrain is how much of a body is read and dropped, so that the caller, who sends first and listens then, gets to
// hear the answer. Of what is larger or comes too slowly, no more is read.
const bodyDrain = 128 << 20

// readBody keeps a body's first bytes, and tells whether there were more than the limit. They count as memory of
// whose they are until release is called.
func (r *router) readBody(w http.ResponseWriter, req *http.Request, whose string, limit int64) (kept []byte, more bool, release func(), err error) {
	weight := limit
	if req.ContentLength >= 0 {
		weight = min(weight, req.ContentLength)
	}
	if release, err = r.bodies.acquire(req.Context(), whose, min(weight, bodiesOfOne)); err != nil {
		return nil, false, nil, err
	}
	body := withReadDeadline(w, req.Body)
	defer body.Close()
	if req.ContentLength == weight {
		kept = make([]byte, weight)
		_, err = io.ReadFull(body, kept)
	} else {
		kept, err = io.ReadAll(io.LimitReader(body, limit))
	}
	if err != nil {
		release()
		return nil, false, nil, bodyError(err)
	}
	n, _ := io.CopyN(io.Discard, body, bodyDrain) // nothing is lost with what is not kept
	return kept, n > 0, release, nil
}

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
	_ = json.NewEncoder(w).Encode(value) // the caller may have gone
}
