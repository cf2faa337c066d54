package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// registerAll lists every resource. A route that is not reached from here does not exist.
func registerAll(r *router, a *API, o Options) {
	health{o.Store, a.gate}.register(r)
	webhook{o.Store, o.Now, o.Tracer, o.WakeSyncer}.register(r)
	whoami{}.register(r)
	keys{o.Store, o.Now, r.auth.keys.Forget}.register(r)
	secrets{o.Store}.register(r)
	channels{o.Store, o.TestChannel}.register(r)
	alerting{o.Store}.register(r)
	sources{o.Store, o.Now, o.PublicURL, o.CheckSourceURL, o.WakeSyncer}.register(r)
	pins{o.Store, o.Now, o.WakeSyncer}.register(r)
	syncs{o.Store}.register(r)
	jobs{o.Store, o.Now, o.PublicURL}.register(r)
	runs{o.Store}.register(r)
	a.tails.register(r)
	status{o.Store, o.Now}.register(r)
	incidents{o.Store, o.Now}.register(r)
	silences{o.Store, o.Now}.register(r)
	pingAddresses{o.Store, o.Now, o.PublicURL}.register(r)
	newBadges(o, r).register(r)
	agents{o.Store, o.Now, a.agents, a.board, o.WakePublisher}.register(r)
	newEnroll(o, &a.keys).register(r)
	traces := newTracing(o.Tracer, o.Store)
	b := bundle{o.Store, &a.keys, o.Installation.Epoch, a.agents, a.board, traces, o.Now}
	b.register(r)
	a.door = (&lobby{r.auth, a.gate, b}).receive(r.mux)
	keyStatements{&a.keys}.register(r)
	rotateKey{o.Store, a.agents, o.Now}.register(r)
	report{o.Store, o.Now, o.WakePublisher, o.Log, new(sync.Map), traces}.register(r)
	checkIns{o.Store, o.Now, o.Observer, r}.register(r)
	pings := newPings(o, r)
	pings.register(r)
	cronAlias{pings}.register(r)
	description{r.huma}.register(r)
	for _, said := range []string{"Enroll", "RotateKey", "AgentReport"} {
		takeMore(r.huma.OpenAPI().Components.Schemas.Map(), said)
	}
}

// router puts operations on HTTP: each with its permission, its limits and one way to
// answer errors.
type router struct {
	mux  *chi.Mux
	huma huma.API
	auth *authenticator
	log  *slog.Logger

	bodies   *bodyMemory
	observer Observer

	err error // the first thing that was wrong with a registration
}

// configureHuma sets what huma keeps in package variables: arrays are never null, and
// errors are ours.
var configureHuma = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem(context.Background(), status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		p := humaProblem(ctx.Context(), status, message, errs)
		for name := range p.header { // huma sets only those of errors that a handler returns
			ctx.SetHeader(name, p.header.Get(name))
		}
		return p
	}
})

func newRouter(auth *authenticator, o Options, gate *gate) *router {
	configureHuma()
	mux := chi.NewMux()
	r := &router{mux: mux, auth: auth, bodies: newBodyMemory(), log: o.Log, observer: o.Observer}
	mux.Use(requestID, r.observe, standardHeaders(o.Version), readDeadline, gate.guard, r.recoverPanic, middleware.GetHead)
	mux.NotFound(func(w http.ResponseWriter, req *http.Request) {
		writeProblem(w, newProblem(req.Context(), http.StatusNotFound, errNoRoute(req)))
	})
	mux.MethodNotAllowed(r.methodNotAllowed)
	r.huma = humachi.New(mux, humaConfig())
	return r
}

// add registers an operation. The permission comes first so that none is forgotten: an
// empty one keeps New from succeeding.
func add[I, O any](r *router, needs permission, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if !needs.valid() {
		r.err = errors.Join(r.err, fmt.Errorf("api: %s %s declares no permission", op.Method, op.Path))
		return
	}
	describe(r.huma, needs, takesBody[I](), &op)
	op.BodyReadTimeout = -1 // readDeadline sets a deadline and, unlike huma, takes it off again
	op.Middlewares = append(huma.Middlewares{r.require(needs)}, op.Middlewares...)
	if op.Method != http.MethodGet && op.Method != http.MethodDelete {
		op.Middlewares = append(op.Middlewares, r.bodies.hold)
	}
	limit := op.MaxBodyBytes
	if limit == 0 {
		limit = defaultBodyLimit
	}
	op.MaxBodyBytes = limit + 1                // huma refuses a body of exactly its limit
	requestBody := maps.Clone(bodyContent(op)) // huma describes a raw body as bytes, whatever it was told
	huma.Register(r.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, r.problem(ctx, err)
		}
		return out, nil
	})
	if requestBody != nil {
		op.RequestBody.Content = requestBody
	}
}

// handlePublic registers what is no operation, and for anybody: a handler that reads and writes as
// it likes, at all methods of a pattern. The operations are only its description.
func (r *router) handlePublic(pattern string, h http.HandlerFunc, described ...huma.Operation) {
	r.mux.Handle(pattern, h)
	for _, op := range described {
		op.Extensions = map[string]any{permissionExtension: string(public)}
		r.huma.OpenAPI().AddOperation(&op)
	}
}

func bodyContent(op huma.Operation) map[string]*huma.MediaType {
	if op.RequestBody == nil {
		return nil
	}
	return op.RequestBody.Content
}

// methods that a route may have; the order is that of the Allow header.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (r *router) methodNotAllowed(w http.ResponseWriter, req *http.Request) {
	var allowed []string
	for _, m := range methods {
		if r.mux.Match(chi.NewRouteContext(), m, req.URL.Path) {
			allowed = append(allowed, m)
		}
		if m == http.MethodGet && len(allowed) > 0 {
			allowed = append(allowed, http.MethodHead) // by middleware.GetHead
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, newProblem(req.Context(), http.StatusMethodNotAllowed, errNoMethod(req, allowed)))
}

// recoverPanic turns a bug into an answer and a line in the log, for one request only.
func (r *router) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler || req.Context().Err() != nil {
				panic(http.ErrAbortHandler) // the caller has gone: huma panics when it cannot write
			}
			r.log.ErrorContext(req.Context(), "a request made the server panic",
				"method", methodOf(req), "route", routeOf(req), "panic", v, "stack", stack())
			writeProblem(w, newProblem(req.Context(), http.StatusInternalServerError, errInternal))
		}()
		next.ServeHTTP(w, req)
	})
}
