package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/trace"
)

// Store is all that the API needs of the store, put together from what each file needs.
type Store interface {
	agentKeyStore
	agentStore
	alertingStore
	badgeStore
	bundleStore
	channelStore
	checkInStore
	credentialStore
	enrollStore
	healthStore
	heartbeatStore
	incidentStore
	jobStore
	keyStore
	pingAddressStore
	pingStore
	pinStore
	reportStore
	runStore
	secretStore
	silenceStore
	sourceStore
	statusStore
	syncStore
	tailStore
	webhookStore
}

// Options is what an API is made of.
type Options struct {
	Store          Store
	Now            func() time.Time // default: time.Now
	Log            *slog.Logger
	Version        string
	Installation   crontopus.Installation
	Keys           Keys               // when the API starts; UseKeys changes them
	HealthOnly     bool               // nothing but /healthz and /readyz: the server has another role
	PublicURL      string             // where agents and forges reach this server
	CheckSourceURL func(string) error // what a source may name; nil: anything
	WakeSyncer     func()             // called when a sync was asked for
	WakePublisher  func()             // called when an agent's bundle may change
	TestChannel    TestChannel        // sends one message to a channel
	Observer       Observer           // hears what was done; nil: nobody
	Tracer         trace.Tracer       // nil: nobody traces
}

// Keys are what agents are told of the keys that sign bundles.
type Keys struct {
	Set          crontopus.KeySet // the newest; its first key's fingerprint is in printed enrolment tokens
	Statements   [][]byte         // that lead to Set, oldest first
	Fingerprints []string         // of every key that they name: a printed enrolment token carries one
}

// API answers HTTP requests. Run must run beside it.
type API struct {
	door       http.Handler // the lobby, or mux itself
	mux        *chi.Mux
	board      *board
	tails      *tails
	agents     *agentCache
	heartbeats *heartbeats
	gate       *gate
	keys       atomic.Pointer[Keys]
}

// New returns an API with every route in place. It fails when a route says nothing of
// who may use it.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Log == nil || len(o.Keys.Set.Keys) == 0 || o.Installation.ID == "" {
		return nil, errors.New("api: Store, Log, Keys and Installation are needed")
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
	if o.Tracer == nil {
		o.Tracer = trace.Off{}
	}
	o.Log = slog.New(logs.Handler(o.Log.Handler())) // its lines have the request's id
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")

	credentials := newLookups(o.Store, o.Now)
	a := &API{
		board:      newBoard(),
		tails:      newTails(o.Store, o.Now),
		agents:     newAgentCache(credentials),
		heartbeats: newHeartbeats(o.Store, o.Log),
		gate:       newGate(),
	}
	a.keys.Store(&o.Keys)
	auth := newAuthenticator(o, credentials, a.agents, a.heartbeats)
	r := newRouter(auth, o, a.gate)
	a.mux, a.door = r.mux, r.mux
	if o.HealthOnly {
		health{o.Store, a.gate}.register(r)
		r.mux.NotFound(otherRole) // for it is there, at another server
	} else {
		registerAll(r, a, o)
	}
	return a, r
}

func setDefault[F func() | func() time.Time | func(string) error | *slog.Logger](p *F, value F) {
	if *p == nil {
		*p = value
	}
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.door.ServeHTTP(w, r) }

// Run writes the agents' heartbeats to the store until ctx ends, and a last time then. It gives
// memory back after bursts.
func (a *API) Run(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return a.heartbeats.run(ctx) })
	parts.Go(func() error { return newTidy(a.board).run(ctx) })
	return parts.Wait()
}

// Waiting returns how many agents wait for a bundle now.
func (a *API) Waiting() int { return a.board.waiters() }

// UseKeys tells other keys from now on. Polls that wait end, since their answer says that
// there are some.
func (a *API) UseKeys(k Keys) {
	a.keys.Store(&k)
	a.board.letGo()
}

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

// RunChanged tells whoever follows runs that one is not as it was.
func (a *API) RunChanged(tenant crontopus.TenantID, id string) { a.tails.tell(tenant, id) }

// RunsChanged is RunChanged for what another server has recorded. Without a tenant or ids nobody knows what, and
// it is looked for.
func (a *API) RunsChanged(tenant crontopus.TenantID, ids []string) { a.tails.tell(tenant, ids...) }
