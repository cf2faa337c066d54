package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
)

const (
	tailBeat   = 15 * time.Second // a comment, so that nobody between takes the stream for dead; well within store.FollowFor
	tailSettle = 2 * time.Second  // until other servers have heard that somebody follows
	tailLasts  = 10 * time.Minute // then the caller comes again, with a key that may have been revoked
	tailWrite  = 20 * time.Second // until a caller that reads nothing has gone
	tailAgain  = 10 * time.Second // clocks of hosts may be off by so much when a stream goes on
	tailShown  = 5000             // runs whose last event is remembered
)

func (s *tails) register(r *router) {
	op := operation(http.MethodGet, "/api/v1/runs/tail", "tail-runs", tagRuns, "Follow runs as they begin and end",
		"Server-sent events: an event `run` for each change, whose data is the run without its output, and comments in between. "+
			"A stream ends after 10 minutes, and when the server stops; whoever comes again with the Last-Event-ID sees what changed meanwhile, and some of it twice. "+
			"At most 20 follow a tenant's runs at once.")
	op.Responses = map[string]*huma.Response{"200": {Description: "Events until the caller has gone",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	add(r, viewer, op, s.follow)
}

type tailIn struct {
	RunFilterIn
	Since       time.Time `query:"since" doc:"Begin with the runs that were due, began or ended at or after this time, of the newest 10,000"`
	LastEventID string    `header:"Last-Event-ID" doc:"Go on after this event"`
}

func (s *tails) follow(ctx context.Context, in *tailIn) (*huma.StreamResponse, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	since := in.Since
	if in.LastEventID != "" {
		micros, err := strconv.ParseInt(in.LastEventID, 10, 64)
		if err != nil {
			return nil, invalid("the Last-Event-ID %.50q is none of ours", in.LastEventID)
		}
		since = time.UnixMicro(micros).Add(-tailAgain)
	}
	tenant := callerOf(ctx).tenant
	t, leave, err := s.join(tenant)
	if err != nil {
		return nil, err
	}
	if err := s.store.Follow(ctx, tenant); err != nil {
		leave()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		hctx.SetHeader("Content-Type", "text/event-stream")
		hctx.SetHeader("X-Accel-Buffering", "no") // nginx passes on what it has
		_, w := humachi.Unwrap(hctx)
		e := &events{w: w, conn: http.NewResponseController(w), shown: recent.New[string, [sha256.Size]byte](tailShown)}
		_ = e.conn.SetReadDeadline(time.Time{}) // net/http would end the request when it passes
		stream{tails: s, tail: t, tenant: tenant, filter: filter, events: e}.run(hctx.Context(), since)
	}}, nil
}

// stream is one caller that follows runs.
type stream struct {
	*tails
	*tail
	tenant crontopus.TenantID
	filter crontopus.RunFilter
	events *events
}

// run writes until the caller goes, the server stops, or it is time to come again. An error ends it as well: the
// caller comes again and goes on after the last event.
func (s stream) run(ctx context.Context, since time.Time) {
	begun := s.now()
	beat, settled, over := time.NewTicker(tailBeat), time.NewTimer(tailSettle), time.NewTimer(tailLasts)
	defer beat.Stop()
	defer settled.Stop()
	defer over.Stop()
	err := s.events.comment(begun)
	if !since.IsZero() && err == nil {
		err = s.search(ctx, since)
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-s.closed:
			return
		case <-over.C:
			return
		case <-settled.C:
			err = s.search(ctx, begun)
		case <-beat.C:
			if err = s.store.Follow(ctx, s.tenant); err == nil {
				err = s.events.comment(s.now())
			}
		case <-s.wake:
			err = s.read(ctx, begun)
		}
	}
}

// read shows the runs that were told of.
func (s stream) read(ctx context.Context, begun time.Time) error {
	ids, lost := s.take()
	if lost {
		return s.search(ctx, begun)
	}
	at := s.now()
	runs, err := s.store.RunsNamed(ctx, s.tenant, ids)
	return s.show(at, runs, err)
}

// search shows what has changed since, where that was not told.
func (s stream) search(ctx context.Context, since time.Time) error {
	at := s.now()
	runs, err := s.store.RunsSince(ctx, s.tenant, since)
	return s.show(at, runs, err)
}

func (s stream) show(at time.Time, runs []crontopus.Run, err error) error {
	for i := range runs {
		if err == nil && s.filter.Matches(&runs[i]) {
			err = s.events.run(at, &runs[i])
		}
	}
	return err
}

// events writes server-sent events, each run as it is once.
type events struct {
	w     io.Writer
	conn  *http.ResponseController
	shown *recent.Map[string, [sha256.Size]byte] // of the data, by the run's id
}

func (e *events) run(at time.Time, r *crontopus.Run) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	last, _, seen := e.shown.Get(r.ID)
	if last == sum {
		return nil
	}
	e.shown.Put(r.ID, sum, seen)
	return e.write(fmt.Sprintf("id: %d\nevent: run\ndata: %s\n\n", at.UnixMicro(), data))
}

// comment says that nothing happened up to now, so that whoever comes again goes on from here.
func (e *events) comment(now time.Time) error {
	return e.write(fmt.Sprintf("id: %d\n:\n\n", now.UnixMicro()))
}

// write hands over at once. A caller that reads nothing is given up on.
func (e *events) write(text string) error {
	_ = e.conn.SetWriteDeadline(time.Now().Add(tailWrite)) // not every writer in tests has deadlines
	if _, err := io.WriteString(e.w, text); err != nil {
		return err
	}
	return e.conn.Flush()
}
