package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// Codes that only the API gives.
const (
	codeRateLimited      = "rate_limited"
	codeMethodNotAllowed = "method_not_allowed"
	codeTimeout          = "timeout"
	codeMediaType        = "unsupported_media_type"
)

// statuses is the one place that says how an error's code is spelled in HTTP. Whatever is
// wrong with what was sent is 400, be it the JSON's form or a value in it.
var statuses = map[string]int{
	crontopus.CodeInvalid:      http.StatusBadRequest,
	crontopus.CodeUnsupported:  http.StatusBadRequest,
	crontopus.CodeUnauthorized: http.StatusUnauthorized,
	crontopus.CodeClockSkew:    http.StatusUnauthorized,
	crontopus.CodeForbidden:    http.StatusForbidden,
	crontopus.CodeNotFound:     http.StatusNotFound,
	codeMethodNotAllowed:       http.StatusMethodNotAllowed,
	codeTimeout:                http.StatusRequestTimeout,
	crontopus.CodeConflict:     http.StatusConflict,
	crontopus.CodeGone:         http.StatusGone,
	crontopus.CodeTooLarge:     http.StatusRequestEntityTooLarge,
	codeMediaType:              http.StatusUnsupportedMediaType,
	codeRateLimited:            http.StatusTooManyRequests,
	crontopus.CodeInternal:     http.StatusInternalServerError,
	crontopus.CodeUnavailable:  http.StatusServiceUnavailable,
}

// retryAfter is how long a caller should wait after a 429 or 503.
const retryAfter = 5 * time.Second

// errInternal is all that a caller learns of what we did wrong.
var errInternal = &crontopus.Error{Code: crontopus.CodeInternal, Message: "the server could not do this",
	Hint: "its log has the cause, under the request's id"}

// problem is an error on its way out. It satisfies what huma asks of an error.
type problem struct {
	wire.Problem
	header http.Header
}

func (p *problem) Error() string           { return p.Detail }
func (p *problem) GetStatus() int          { return p.Status }
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType is that of RFC 9457 whatever was negotiated.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// problem maps an error to what the caller is told. What the caller must not see, an
// error without a code or with code internal, is logged instead.
func (r *router) problem(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "the server did not get to this in time", Hint: "try again", Err: err}
	}
	e, ok := errors.AsType[*crontopus.Error](err)
	status := http.StatusInternalServerError
	if ok {
		status = cmp.Or(statuses[e.Code], status)
	}
	if status >= 500 && ctx.Err() == nil && e != errDraining { // which is no failure, and load balancers ask all the time
		r.log.ErrorContext(ctx, "a request failed", "error", err)
	}
	if status == http.StatusInternalServerError {
		e = errInternal
	}
	p := newProblem(ctx, status, e)
	if e.Code == crontopus.CodeClockSkew {
		now := r.auth.now().UTC()
		p.Time = &now
	}
	return p
}

func newProblem(ctx context.Context, status int, e *crontopus.Error) *problem {
	p := &problem{Problem: wire.Problem{
		Title: http.StatusText(status), Status: status, Detail: e.Message, Code: e.Code, Hint: e.Hint, RequestID: requestIDOf(ctx),
	}, header: http.Header{}}
	switch status {
	case http.StatusUnauthorized:
		p.header.Set("WWW-Authenticate", `Bearer realm="crontopus"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		p.header.Set("Retry-After", fmt.Sprint(int(retryAfter.Seconds())))
	}
	return p
}

// humaProblem puts huma's own errors (a body too large, not JSON, not of the schema) in
// our form. The values that were sent are left out: they may be secrets.
func humaProblem(ctx context.Context, status int, message string, errs []error) *problem {
	e := &crontopus.Error{Code: crontopus.CodeInvalid, Message: message}
	switch status {
	case 0: // huma asks for the error's type only
	case http.StatusRequestEntityTooLarge:
		e = &crontopus.Error{Code: crontopus.CodeTooLarge, Message: "the request's body is larger than this route takes"}
	case http.StatusRequestTimeout:
		e = &crontopus.Error{Code: codeTimeout, Message: "the request's body did not arrive in time"}
	case http.StatusUnsupportedMediaType:
		e = &crontopus.Error{Code: codeMediaType, Message: "the request's body is not JSON", Hint: "send it as Content-Type: application/json"}
	default:
		if slices.Contains(errs, error(errBusy)) { // huma has read a body that found no room
			e = errBusy
			break
		}
		if len(errs) > 0 {
			e.Message = detail(errs)
		}
		e.Hint = "GET /openapi.json says what each route takes"
	}
	return newProblem(ctx, cmp.Or(statuses[e.Code], http.StatusBadRequest), e)
}

// detail names what is wrong, each with its place, a few at most.
func detail(errs []error) string {
	const most = 5
	var parts []string
	for i, err := range errs {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(errs)-most))
			break
		}
		if d, ok := err.(huma.ErrorDetailer); ok && d.ErrorDetail().Location != "" {
			parts = append(parts, d.ErrorDetail().Location+": "+d.ErrorDetail().Message)
			continue
		}
		parts = append(parts, err.Error())
	}
	return strings.Join(parts, "; ")
}

// writeProblem answers outside of an operation.
func writeProblem(w http.ResponseWriter, p *problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may have gone
}

func errNoRoute(r *http.Request) *crontopus.Error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is nothing at %s", r.URL.Path).WithHint("GET /openapi.json lists every route")
}

// errOtherRole is for who was led to a server that is not for them, by a load balancer or a
// URL: what they asked for exists, and may be asked for again.
var errOtherRole = &crontopus.Error{Code: crontopus.CodeUnavailable, Message: "this server does not have the role api, so it answers nothing but /healthz and /readyz",
	Hint: "ask a server that has it (see --roles), and let a load balancer know of no other"}

func otherRole(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, newProblem(r.Context(), http.StatusServiceUnavailable, errOtherRole))
}

func errNoMethod(r *http.Request, allowed []string) *crontopus.Error {
	return crontopus.Errorf(codeMethodNotAllowed, "%s does not take %s", r.URL.Path, r.Method).WithHint("it takes %s", strings.Join(allowed, ", "))
}

// invalid is the error of a value that was sent.
func invalid(format string, args ...any) *crontopus.Error {
	return crontopus.Errorf(crontopus.CodeInvalid, format, args...)
}
