package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/logs"
)

// Store is all that the API needs of the store, put together from what each file needs.
type Store interface {
	agentKeyStore
	agentStore
	bundleStore
	checkInStore
	credentialStore
	enrollStore
	healthStore
	heartbeatStore
	jobStore
	keyStore
	reportStore
	runStore
	sourceStore
	syncStore
	webhookStore
}

// Options is what an API is made of.
type Options struct {
	Store          Store
	Now            func() time.Time // default: time.Now
	Log            *slog.Logger
	Version        string
	Installation   crontopus.Installation
	KeySet         crontopus.KeySet   // what signs bundles; the first key's fingerprint is in printed enrolment tokens
	KeyStatements  [][]byte           // that lead to KeySet, oldest first
	Fingerprints   []string           // of every key that they name: a printed enrolment token carries one
	PublicURL      string             // where agents and forges reach this server
	CheckSourceURL func(string) error // what a source may name; nil: anything
	WakeSyncer     func()             // called when a sync was asked for
	WakePublisher  func()             // called when an agent's bundle may change
	Observer       Observer           // hears what was done; nil: nobody
}

// API answers HTTP requests. Run must run beside it.
type API struct {
	mux        *chi.Mux
	board      *board
	agents     *agentCache
	heartbeats *heartbeats
	gate       *gate
}

// New returns an API with every route in place. It fails when a route says nothing of
// who may use it.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Log == nil || len(o.KeySet.Keys) == 0 || o.Installation.ID == "" {
		return nil, errors.New("api: Store, Log, KeySet and Installation are needed")
	}
	a, r := build(o)
	if r.err != nil {
		return nil, r.err
	}
	return a, nil
}

// build makes an API whose routes are registered, for serving or for its description.
func build(o Options) (*API, *router) {
	setDefault(&o.Now, time.Now)
	setDefault(&o.Log, slog.New(slog.DiscardHandler))
	setDefault(&o.WakeSyncer, func() {})
	setDefault(&o.WakePublisher, func() {})
	setDefault(&o.CheckSourceURL, func(string) error { return nil })
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	o.Log = slog.New(logs.Handler(o.Log.Handler())) // its lines have the request's id
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")

	a := &API{
		board:      newBoard(),
		agents:     newAgentCache(o.Store),
		heartbeats: newHeartbeats(o.Store, o.Log),
		gate:       newGate(),
	}
	auth := newAuthenticator(o, a.agents, a.heartbeats)
	r := newRouter(auth, o.Log, o.Observer, a.gate)
	registerAll(r, a, o)
	a.mux = r.mux
	return a, r
}

func setDefault[F func() | func() time.Time | func(string) error | *slog.Logger](p *F, value F) {
	if *p == nil {
		*p = value
	}
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Run writes the agents' heartbeats to the store until ctx ends, and a last time then.
func (a *API) Run(ctx context.Context) error { return a.heartbeats.run(ctx) }

// Waiting returns how many agents wait for a bundle now.
func (a *API) Waiting() int { return a.board.waiters() }

// Published wakes the agents whose bundles, keys or standing may have changed, all of them
// where none is named. What was remembered of them is forgotten first, so that they see the change.
func (a *API) Published(_ crontopus.TenantID, agentIDs []string) {
	if len(agentIDs) == 0 {
		agentIDs = a.board.everybody()
	}
	for _, id := range agentIDs {
		a.agents.forget(id)
		a.board.publish(id)
	}
}
