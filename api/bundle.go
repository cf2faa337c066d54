package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type bundleStore interface {
	Publication(ctx context.Context, tenant crontopus.TenantID, agentID string) (crontopus.Publication, error)
}

const pathBundle = "/api/v1/agent/bundle"

// bundle hands an agent its signed bundle.
type bundle struct {
	store  bundleStore
	keys   *atomic.Pointer[Keys]
	epoch  int64 // the installation's when this server started
	agents *agentCache
	board  *board
	traces *tracing
	now    func() time.Time
}

func (b bundle) register(r *router) {
	op := operation(http.MethodGet, pathBundle, "get-bundle", tagAgentProtocol, "Pull the agent's signed bundle",
		"Answers with the DSSE envelope of the newest bundle. With If-None-Match and `wait` the request waits for a bundle "+
			"with another tag and ends with 304 when none came; 204 while the agent has none at all. "+
			"An agent that polls counts as seen, and "+wire.HeaderSpoolDrained+" says up to when all its check-ins were delivered.")
	op.Responses = bundleResponses()
	addDirect[bundleIn, bundleOut](r, agent, op, b.get)
}

type bundleIn struct {
	IfNoneMatch  string `header:"If-None-Match" doc:"The tag of the bundle that the agent has"`
	Wait         string `query:"wait" example:"50s" doc:"How long to wait for another one, at most 60s"`
	KeySet       string `header:"Crontopus-Key-Set" doc:"The version that the last answer told; the request does not wait if there is a newer one"`
	SpoolDrained string `header:"Crontopus-Spool-Drained" doc:"RFC 3339: every check-in up to this time was delivered"`
}

type bundleOut struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	KeySet       string `header:"Crontopus-Key-Set"`
	Body         []byte
}

// await puts into a visit the tag of the agent's newest bundle: at once if it is another than the agent
// has, else when one is published or the agent has waited for as long as it wants to.
func (b bundle) await(r *http.Request, v *visit) error {
	var wait crontopus.Duration
	if asked := r.URL.Query().Get("wait"); asked != "" {
		var err error
		if wait, err = crontopus.ParseDuration(asked); err != nil {
			return err
		}
	}
	goes := b.board.goes() // before the look at the key set: no change falls between the two
	if has := r.Header.Get(wire.HeaderKeySet); has != "" && has != b.keySet() {
		wait = 0
	}
	ctx, a := r.Context(), v.caller.agent
	have := matchTag(r.Header.Get("If-None-Match"))
	var err error
	v.tag, err = b.board.await(ctx, a.ID, have, min(wait.Std(), wire.MaxWait), goes, func() (string, error) {
		// Whatever woke us may have been the agent's end.
		now, err := b.agents.get(ctx, a.ID)
		if err != nil {
			return "", err
		}
		if now.RevokedAt != nil {
			return "", errRevoked(now)
		}
		v.pub, err = b.publication(ctx, a)
		return tagOf(v.pub), err
	})
	return err
}

// get answers what the lobby has found.
func (b bundle) get(w http.ResponseWriter, r *http.Request, who caller) error {
	began, v, have := b.now(), visitOf(r.Context()), matchTag(r.Header.Get("If-None-Match"))
	if v.tag != "" && v.tag != have && v.pub == nil {
		var err error
		if v.pub, err = b.publication(r.Context(), who.agent); err != nil {
			return err
		}
		v.tag = tagOf(v.pub)
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set(wire.HeaderKeySet, b.keySet())
	if v.tag == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h.Set("ETag", v.tag)
	if v.tag == have {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	b.traces.handOver(who.agent, v.pub, began, b.now())
	h.Set("Content-Type", wire.ContentTypeEnvelope)
	h.Set("Content-Length", strconv.Itoa(len(v.pub.Envelope)))
	_, _ = w.Write(v.pub.Envelope) // the agent may have gone
	return nil
}

// keySet is the version of the newest key set.
func (b bundle) keySet() string { return b.keys.Load().Set.Version.String() }

// publication returns nil for an agent that has none yet in this epoch. One of an epoch
// before is what a restored backup holds: agents would take it for an attack.
func (b bundle) publication(ctx context.Context, a *identity) (*crontopus.Publication, error) {
	pub, err := b.store.Publication(ctx, a.Tenant, a.ID)
	if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if pub.Generation.Epoch < b.epoch {
		return nil, nil
	}
	return &pub, nil
}

// tagOf returns the strong entity tag of a bundle: its generation, for a person who reads
// a trace, and the digest of its bytes, which a renewed signature changes too.
func tagOf(pub *crontopus.Publication) string {
	if pub == nil || len(pub.Envelope) == 0 {
		return ""
	}
	sum := sha256.Sum256(pub.Envelope)
	return `"` + pub.Generation.String() + "-" + hex.EncodeToString(sum[:8]) + `"`
}

// matchTag returns the tag of an If-None-Match header as tagOf writes it. An agent has one
// bundle, so of a list the first is taken.
func matchTag(header string) string {
	first, _, _ := strings.Cut(header, ",")
	return strings.TrimPrefix(strings.TrimSpace(first), "W/")
}
