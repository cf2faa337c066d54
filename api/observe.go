package api

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"crontopus.dev/crontopus"
)

// Observer hears what the API has done, for metrics. What it is told takes few values,
// whatever callers send. Its methods are called by many at once and must be quick.
type Observer interface {
	// Request was answered. The route is its pattern, or Unmatched; the status is 0 when the
	// caller went away before the answer.
	Request(method, route string, status int, took time.Duration)
	// CheckIn was handled. The event is "" for one that does not exist; the outcome is
	// OutcomeRecorded, or the code of the error that says why not.
	CheckIn(event crontopus.Event, outcome string)
}

// What an Observer is told besides routes, methods and codes.
const (
	Unmatched       = "unmatched" // no route is at the path
	OtherMethod     = "other"
	OutcomeRecorded = "recorded"
)

// unobserved is an API that nobody watches.
type unobserved struct{}

func (unobserved) Request(string, string, int, time.Duration) {}
func (unobserved) CheckIn(crontopus.Event, string)            {}

// observe tells the observer and the log of each answer. Neither sees the path or the
// query: an address may be a capability.
func (r *router) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		begin, out, done := time.Now(), middleware.NewWrapResponseWriter(w, req.ProtoMajor), false
		defer func() {
			status := 0
			if done && req.Context().Err() == nil {
				status = cmp.Or(out.Status(), http.StatusOK) // as net/http has it
			}
			method, route, took := methodOf(req), routeOf(req), time.Since(begin)
			r.observer.Request(method, route, status, took)
			if r.log.Enabled(req.Context(), slog.LevelDebug) {
				r.log.DebugContext(req.Context(), "request", "method", method, "route", route, "status", status, "took", took)
			}
		}()
		next.ServeHTTP(out, req)
		done = true
	})
}

// routeOf returns the pattern of the route that a request took. HEAD goes by GET's.
func routeOf(req *http.Request) string {
	return cmp.Or(chi.RouteContext(req.Context()).RoutePattern(), Unmatched)
}

func methodOf(req *http.Request) string {
	if req.Method == http.MethodHead || slices.Contains(methods, req.Method) {
		return req.Method
	}
	return OtherMethod
}

// observed tells what became of check-ins; err, if any, is what all of them got.
func observed(o Observer, list []crontopus.CheckIn, errs []error, err error) {
	for i, c := range list {
		if err == nil {
			tell(o, c, errs[i])
		} else {
			tell(o, c, err)
		}
	}
}

func tell(o Observer, c crontopus.CheckIn, err error) {
	event, outcome := c.Event, OutcomeRecorded
	if event.State() == "" {
		event = ""
	}
	if err != nil {
		outcome = crontopus.CodeInternal
		if code := crontopus.ErrorCode(err); statuses[code] != 0 {
			outcome = code
		}
	}
	o.CheckIn(event, outcome)
}
