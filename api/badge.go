package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
)

// badges shows in a picture, or as JSON, how jobs are, to whoever has the address.
//
// What was shown a moment ago is shown again, and only so many are looked up at once: strangers
// load a page as often as they like.
type badges struct {
	store     badgeStore
	router    *router
	publicURL string

	bound
	known  *recent.Map[string, badgeShown]
	misses *recent.Map[string, time.Time] // when there was no badge at an address
}

// badgeShown is what a badge showed, and when.
type badgeShown struct {
	badge crontopus.Badge
	state crontopus.BadgeState
	at    time.Time
}

const (
	pathBadge     = "/badge/"
	badgesAtOnce  = 4
	badgeMemory   = 10 * time.Second
	badgesKept    = 5000
	badgeCaching  = "public, max-age=30" // by browsers and the image proxies of forges
	longestBadge  = 60                   // characters of a label that are written
	badgeSVGTypes = "image/svg+xml; charset=utf-8"
)

func newBadges(o Options, r *router) *badges {
	return &badges{store: o.Store, router: r, publicURL: o.PublicURL, bound: bound{o.Now, make(chan struct{}, badgesAtOnce)},
		known: recent.New[string, badgeShown](badgesKept), misses: recent.New[string, time.Time](missesKept)}
}

// describeBadge says what an address shows.
func describeBadge(id, ending, media string) huma.Operation {
	op := operation(http.MethodGet, pathBadge+"{uuid}"+ending, id, tagJobs, "See how a job is, or all with a label",
		"`up`, `late`, `down`, or `unwatched` where there is no such job or it is suspended. The fields of the JSON are those of Healthchecks' badges.")
	word := &huma.Schema{Type: huma.TypeString}
	op.Parameters = []*huma.Param{{Name: "uuid", In: "path", Required: true, Schema: word}}
	op.Responses = map[string]*huma.Response{
		"200": {Description: "The badge", Content: map[string]*huma.MediaType{media: {}}},
		"404": {Description: "There is no such badge", Content: map[string]*huma.MediaType{"text/plain": {Schema: word}}},
	}
	return op
}

func (s *badges) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		say(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	file := strings.TrimPrefix(r.URL.Path, pathBadge)
	id, picture := strings.CutSuffix(file, ".svg")
	id, data := strings.CutSuffix(id, ".json")
	id, isID := pingURLID(id)
	if picture == data || !isID {
		say(w, http.StatusNotFound, "not found")
		return
	}
	shown, err := s.show(r.Context(), id)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	body, media := badgeSVG(cmp.Or(shown.badge.Name, shown.badge.Label), shown.state.Status), badgeSVGTypes
	if data {
		encoded, _ := json.Marshal(shown.state) // of numbers and a word
		body, media = string(encoded), "application/json"
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", badgeCaching)
	h.Set("Content-Security-Policy", "default-src 'none'") // also for who opens the picture alone
	sayAs(w, http.StatusOK, media, body)
}

// show tells what is at an address, as it was at most badgeMemory ago.
func (s *badges) show(ctx context.Context, id string) (badgeShown, error) {
	shown, known, seen := s.known.Get(id)
	if known && within(shown.at, s.now(), badgeMemory) {
		return shown, nil
	}
	return lookUp(ctx, s.bound, s.misses, id, errNoBadge, func(ctx context.Context, id string) (badgeShown, error) {
		if shown, known, seen = s.known.Get(id); known && within(shown.at, s.now(), badgeMemory) {
			return shown, nil // another request has just looked
		}
		shown := badgeShown{at: s.now()}
		var err error
		if shown.badge, err = s.store.SystemBadge(ctx, id); err != nil {
			return shown, err
		}
		if shown.state, err = s.store.BadgeState(ctx, shown.badge.Tenant, shown.badge); err != nil {
			return shown, err
		}
		s.known.Put(id, shown, seen)
		return shown, nil
	})
}

var errNoBadge = crontopus.Errorf(crontopus.CodeNotFound, "there is no such badge")

// refuse answers in plain words, which only people read.
func (s *badges) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
		say(w, http.StatusNotFound, "not found")
		return
	}
	p := s.router.problem(r.Context(), err)
	for name, values := range p.header {
		w.Header()[name] = values
	}
	say(w, p.Status, p.Detail)
}
