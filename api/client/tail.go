package client

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const (
	maxEvent    = 1 << 20
	tailSilence = 45 * time.Second // three of the server's comments
)

// tailBackoff is how long to wait before following again.
var tailBackoff = loop.Backoff{Min: 250 * time.Millisecond, Max: 10 * time.Second}

// TailRuns calls each for every run that matches when it begins, changes or ends, without its output, until ctx
// ends or each returns an error, which it returns. It begins with those that changed since filter.Since, if that is set.
// When the stream breaks it goes on where it was; each may then hear of a run as it was before.
func (c *Client) TailRuns(ctx context.Context, filter crontopus.RunFilter, each func(crontopus.Run) error) error {
	s := tailing{Client: c, filter: filter, each: each}
	for failures := 0; ; {
		heard, err := s.once(ctx)
		var own callerError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &own):
			return own.error
		case err != nil && (!s.began || crontopus.ErrorCode(err) != crontopus.CodeUnavailable):
			return err
		}
		if failures++; heard {
			failures = 1
		}
		select {
		case <-time.After(tailBackoff.Delay(failures)):
		case <-ctx.Done():
		}
	}
}

// tailing is one caller that follows runs, over several streams.
type tailing struct {
	*Client
	filter crontopus.RunFilter
	each   func(crontopus.Run) error
	last   string // id of the last event
	began  bool   // a stream has been there
}

// callerError is what each returned.
type callerError struct{ error }

// once reads one stream to its end, and reports whether anything was heard.
func (s *tailing) once(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := request{method: http.MethodGet, path: "/api/v1/runs/tail", query: runQuery(s.filter), header: http.Header{}}
	if s.last != "" {
		r.header.Set("Last-Event-ID", s.last)
	}
	silence := time.AfterFunc(tailSilence, cancel)
	defer silence.Stop()
	body, err := s.open(ctx, r)
	if err != nil {
		return false, err
	}
	defer body.Close()
	s.began = true
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	id, data := "", ""
	for lines.Scan() {
		silence.Reset(tailSilence)
		heard = true
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "data":
			data = value
		case "": // the end of an event, which was cut off otherwise
			if err := s.hear(data); err != nil {
				return heard, err
			}
			s.last, data = cmp.Or(id, s.last), ""
		}
	}
	return heard, nil // however it ended, the next one goes on
}

// hear passes a run on.
func (s *tailing) hear(data string) error {
	if data == "" {
		return nil
	}
	var run crontopus.Run
	if err := s.decode(answer{body: []byte(data)}, &run); err != nil {
		return err
	}
	if err := s.each(run); err != nil {
		return callerError{err}
	}
	return nil
}

// open asks for a stream. The error is the server's, where it refuses.
func (c *Client) open(ctx context.Context, r request) (io.ReadCloser, error) {
	req, err := c.build(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusOK && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	return nil, retryLater(resp, c.problemError(readProblem(resp, body)))
}
