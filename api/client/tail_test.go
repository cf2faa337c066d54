package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

// tailed answers each request by the next of the streams, and keeps the Last-Event-IDs and queries.
func tailed(t *testing.T, streams ...func(http.ResponseWriter)) (c *client.Client, asked func() []string) {
	seen := make(chan string, 100)
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Last-Event-ID") + "?" + r.URL.RawQuery
		streams[min(n, len(streams)-1)](w)
		n++
	}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithAPIKey("ctk_x"))
	require.NoError(t, err)
	return c, func() (list []string) {
		for len(seen) > 0 {
			list = append(list, <-seen)
		}
		return list
	}
}

// says is a stream with these lines.
func says(lines string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, lines)
	}
}

// refuses is an answer that is no stream.
func refuses(status int, code string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status": %d, "code": %q, "detail": "no"}`, status, code)
	}
}

func event(id int, state crontopus.RunState) string {
	return fmt.Sprintf("id: %d\nevent: run\ndata: {\"id\": \"r%d\", \"job\": \"production/backup\", \"state\": %q}\n\n", id, id, state)
}

func TestRunsAreFollowedOverSeveralStreams(t *testing.T) {
	c, asked := tailed(t, says("id: 1\n:\n\n"+event(2, "running")), refuses(503, crontopus.CodeUnavailable), says(": nothing\n\n"),
		says(event(3, "failed")+"id: 4\nevent: run\ndata: {\"id\": \"cut"), says(event(5, "succeeded")))
	enough := errors.New("enough")
	var seen []string
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	err := c.TailRuns(t.Context(), crontopus.RunFilter{Agent: "db-01", Since: since}, func(r crontopus.Run) error {
		if seen = append(seen, r.ID+" "+string(r.State)); r.ID == "r5" {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	require.Equal(t, []string{"r2 running", "r3 failed", "r5 succeeded"}, seen)
	const query = "?agent=db-01&since=2026-01-01T00%3A00%3A00Z"
	require.Equal(t, []string{query, "2" + query, "2" + query, "2" + query, "3" + query}, asked())
}

func TestFollowingEndsWhereItCannotGoOn(t *testing.T) {
	none := func(crontopus.Run) error { return nil }
	for name, tc := range map[string]struct {
		streams []func(http.ResponseWriter)
		code    string
	}{
		"the key is revoked":           {[]func(http.ResponseWriter){says(event(1, "running")), refuses(401, crontopus.CodeUnauthorized)}, crontopus.CodeUnauthorized},
		"too many follow":              {[]func(http.ResponseWriter){refuses(429, "rate_limited")}, "rate_limited"},
		"the server is away from here": {[]func(http.ResponseWriter){refuses(503, crontopus.CodeUnavailable)}, crontopus.CodeUnavailable},
		"somebody else answers":        {[]func(http.ResponseWriter){func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }}, crontopus.CodeUnavailable},
		"another version":              {[]func(http.ResponseWriter){says("data: nonsense\n\n")}, crontopus.CodeInternal},
	} {
		c, _ := tailed(t, tc.streams...)
		require.Equal(t, tc.code, crontopus.ErrorCode(c.TailRuns(t.Context(), crontopus.RunFilter{}, none)), name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := tailed(t, says(event(1, "running")))
	require.ErrorIs(t, c.TailRuns(ctx, crontopus.RunFilter{}, func(crontopus.Run) error { cancel(); return nil }), context.Canceled)
}
