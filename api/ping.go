package api

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
	"crontopus.dev/crontopus/internal/token"
)

type pingStore interface {
	SystemPingURL(ctx context.Context, id string) (crontopus.TenantID, crontopus.JobName, error)
	SystemPingKey(ctx context.Context, hash [32]byte) (crontopus.PingKey, error)
	// RecordPing commits a ping, unless its URL or key is no longer good: not_found.
	RecordPing(ctx context.Context, p crontopus.Ping) error
	// LogPing keeps the check-in's output with the run that goes on, if one does, and changes nothing else of it.
	// not_found as RecordPing.
	LogPing(ctx context.Context, tenant crontopus.TenantID, p crontopus.Ping, c crontopus.CheckIn) error
}

// pings takes check-ins by an address alone, as the ping API of Healthchecks does, so that whatever
// pings that needs another base URL and no more. Addresses that it does not know are looked up a
// few at a time: strangers guess as many as they like.
type pings struct {
	store    pingStore
	observer Observer
	router   *router
	limit    *pingLimit
	bound

	urls   *recent.Map[string, pinged]              // by id; the store has the last word when it records
	keys   *recent.Map[[32]byte, crontopus.PingKey] // by the secret's hash; the same
	noURLs *recent.Map[string, time.Time]           // when there was none
	noKeys *recent.Map[[32]byte, time.Time]         // the same
}

// pinged is the job that a ping URL belongs to.
type pinged struct {
	tenant crontopus.TenantID
	job    crontopus.JobName
}

const (
	pingBodyLimit   = 10_000 // bytes that are kept of a ping's body, the first ones; the others are not an error
	rememberedPings = 20_000
	pingMethods     = "GET, HEAD, POST, OPTIONS"
	logTimeout      = 10 * time.Second // of what a run says on its way, which is not worth more of the script's time
)

func newPings(o Options, r *router) pings {
	return pings{store: o.Store, observer: o.Observer, router: r, limit: newPingLimit(), bound: bound{o.Now, make(chan struct{}, lookupsAtOnce)},
		urls: recent.New[string, pinged](rememberedPings), keys: recent.New[[32]byte, crontopus.PingKey](rememberedPings),
		noURLs: recent.New[string, time.Time](missesKept), noKeys: recent.New[[32]byte, time.Time](missesKept)}
}

const pathPing = "/ping/"

// pingHeaders lets a page of any origin ping, and read the limit that an answer tells.
var pingHeaders = http.Header{
	"Access-Control-Allow-Origin":   {"*"},
	"Access-Control-Expose-Headers": {"Ping-Body-Limit"},
}

func (s pings) register(r *router) {
	const about = "As the ping API of Healthchecks: GET, HEAD or POST; the first 10,000 bytes of a body are kept as the run's output. " +
		"A ping key and a job's name, KEY/NAME, may stand in the place of the uuid. `rid`, a UUID, tells which start and end belong together."
	success := operation(http.MethodPost, "/ping/{uuid}", "ping", tagCheckIns, "Say that a job has succeeded", about)
	other := operation(http.MethodPost, "/ping/{uuid}/{signal}", "ping-signal", tagCheckIns, "Say that a job starts or fails, or with what it ended",
		"`start`, `fail`, `log` or an exit status from 0 to 255. "+about)
	describePing(&success, "uuid")
	describePing(&other, "uuid", "signal")
	r.handlePublic(pathPing+"*", s.serve, success, other)
}

// describePing says what a ping takes and what it is answered, which is plain text.
func describePing(op *huma.Operation, inPath ...string) {
	word := &huma.Schema{Type: huma.TypeString}
	for _, name := range inPath {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: word})
	}
	op.Parameters = append(op.Parameters, &huma.Param{Name: "rid", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}})
	plain := map[string]*huma.MediaType{"text/plain": {Schema: word}}
	op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"*/*": {Schema: word}}}
	op.Responses = map[string]*huma.Response{
		"200": {Description: "OK: it is recorded", Content: plain},
		"400": {Description: "invalid url format, or invalid uuid format", Content: plain},
		"404": {Description: "not found", Content: plain},
		"408": {Description: "the request's body did not arrive in time", Content: plain},
		"429": {Description: "rate limited: one job is pinged more than 5 times a second", Content: plain},
		"503": {Description: "The database is away: ping again", Content: plain},
	}
}

func (s pings) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, pingHeaders)
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", pingMethods)
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", pingMethods)
		say(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	h.Set("Ping-Body-Limit", strconv.Itoa(pingBodyLimit))
	path, ok := parsePingPath(strings.TrimPrefix(r.URL.Path, pathPing))
	if !ok {
		say(w, http.StatusBadRequest, "invalid url format")
		return
	}
	query := r.URL.Query()
	rid, named := query.Get("rid"), query.Has("rid")
	if _, err := uuid.Parse(rid); named && (err != nil || len(rid) != 36) {
		say(w, http.StatusBadRequest, "invalid uuid format")
		return
	}
	ctx := r.Context()
	p, job, err := s.find(ctx, path)
	if err == nil && !s.limit.allow(p.Tenant, job, s.now()) {
		h.Set("Retry-After", "1")
		say(w, http.StatusTooManyRequests, "rate limited")
		return
	}
	var output []byte
	if err == nil {
		output, err = s.readBody(r, p.Tenant)
	}
	switch {
	case err != nil:
	case path.log:
		err = s.log(ctx, p, job, output, rid)
	default:
		err = s.record(ctx, p, job, told{event: path.event, exitCode: path.exitCode, output: output}, rid)
	}
	s.answer(w, r, err, query.Get("create") == "1" && path.key != "")
}

// find tells who may say so, and of which job.
func (s pings) find(ctx context.Context, path pingPath) (crontopus.Ping, crontopus.JobName, error) {
	if path.url != "" {
		known, ok, seen := s.urls.Get(path.url)
		if !ok {
			var err error
			if known, err = lookUp(ctx, s.bound, s.noURLs, path.url, errNoPing, s.lookUpURL); err != nil {
				return crontopus.Ping{}, known.job, err
			}
			s.urls.Put(path.url, known, seen)
		}
		return crontopus.Ping{Tenant: known.tenant, URL: path.url}, known.job, nil
	}
	if !token.Check(path.key, token.PingKey) {
		return crontopus.Ping{}, crontopus.JobName{}, errNoPing
	}
	hash := token.Hash(path.key)
	known, ok, seen := s.keys.Get(hash)
	if !ok {
		var err error
		if known, err = lookUp(ctx, s.bound, s.noKeys, hash, errNoPing, s.store.SystemPingKey); err != nil {
			return crontopus.Ping{}, crontopus.JobName{}, err
		}
		s.keys.Put(hash, known, seen)
	}
	return crontopus.Ping{Tenant: known.Tenant, Key: known.ID}, crontopus.JobName{Namespace: known.Namespace, Name: path.slug}, nil
}

var errNoPing = crontopus.Errorf(crontopus.CodeNotFound, "there is no such ping URL or key")

func (s pings) lookUpURL(ctx context.Context, id string) (known pinged, err error) {
	known.tenant, known.job, err = s.store.SystemPingURL(ctx, id)
	return known, err
}

// readBody keeps a body's first bytes: that there are more is no error. They are not of the tenant's other memory:
// ping addresses lie about in scripts, and are not to keep its check-ins out.
func (s pings) readBody(r *http.Request, tenant crontopus.TenantID) ([]byte, error) {
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return nil, nil
	}
	defer r.Body.Close()
	kept, more, release, err := s.router.readStart(r, "pings of "+string(tenant), pingBodyLimit)
	if err != nil {
		return nil, err
	}
	release()
	if more {
		drain(r.Body)
	}
	return kept, nil
}

// told is what a ping tells.
type told struct {
	event    crontopus.Event
	exitCode *int
	output   []byte
	took     time.Duration // of a run whose start was not told; 0: nobody knows
}

// record commits what a ping tells. rid is "" where it names no run.
func (s pings) record(ctx context.Context, p crontopus.Ping, job crontopus.JobName, t told, rid string) error {
	c := crontopus.CheckIn{Job: job, Event: t.event, At: s.now().UTC(), ExitCode: t.exitCode, Output: t.output}
	if p.Unnamed = rid == ""; !p.Unnamed {
		c.RunID = ridRun(p.Tenant, job, rid)
	}
	p.CheckIns = []crontopus.CheckIn{c}
	if t.took > 0 && t.event.Final() {
		p.CheckIns = append(p.CheckIns, crontopus.CheckIn{RunID: c.RunID, Job: job, Event: crontopus.EventStart, At: c.At.Add(-t.took)})
	}
	err := s.store.RecordPing(ctx, p)
	tell(s.observer, c, err)
	return err
}

// log keeps what a run says on its way. rid is "" where the ping names no run.
func (s pings) log(ctx context.Context, p crontopus.Ping, job crontopus.JobName, output []byte, rid string) error {
	c := crontopus.CheckIn{Job: job, Output: output}
	if p.Unnamed = rid == ""; !p.Unnamed {
		c.RunID = ridRun(p.Tenant, job, rid)
	}
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	return s.store.LogPing(ctx, p.Tenant, p, c)
}

// ridRun is the run that a ping names: the same for the same job and name, and nobody else's.
func ridRun(tenant crontopus.TenantID, job crontopus.JobName, rid string) string {
	space := uuid.NewSHA1(uuid.Nil, []byte("crontopus ping "+string(tenant)+" "+job.String()))
	return uuid.NewSHA1(space, []byte(strings.ToLower(rid))).String()
}

// answer speaks as Healthchecks does: in plain words, of which programs read none but the first.
func (s pings) answer(w http.ResponseWriter, r *http.Request, err error, create bool) {
	switch {
	case err == nil:
		say(w, http.StatusOK, "OK")
		return
	case crontopus.ErrorCode(err) == crontopus.CodeNotFound && create:
		say(w, http.StatusNotFound, "not found: create=1 makes no job here; write its manifest, with target: {ping: true}, and push it")
		return
	case crontopus.ErrorCode(err) == crontopus.CodeNotFound:
		say(w, http.StatusNotFound, "not found")
		return
	}
	p := s.router.problem(r.Context(), err)
	for name, values := range p.header {
		w.Header()[name] = values
	}
	say(w, p.Status, p.Detail)
}

func say(w http.ResponseWriter, status int, text string) {
	sayAs(w, status, "text/plain; charset=utf-8", text)
}

func sayAs(w http.ResponseWriter, status int, media, text string) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller may have gone
}
