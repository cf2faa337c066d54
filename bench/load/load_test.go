package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachRequestIsAboutARunOfItsOwn(t *testing.T) {
	r := newRequest("POST", "/checkins", "127.0.0.1:8080", "Authorization: Bearer token", `{"runId":"RUN-ID","scheduledFor":"INSTANT","at":"NOW"}`)
	now, due := time.Date(2026, 11, 23, 20, 0, 0, 5000, time.UTC), time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	seen := map[string]bool{}
	for range 3 {
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.fill(now, due.UnixMicro()))))
		require.NoError(t, err)
		require.Equal(t, "Bearer token", req.Header.Get("Authorization"))
		body, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		var c struct {
			RunID            string
			ScheduledFor, At time.Time
		}
		require.NoError(t, json.Unmarshal(body, &c), "%s", body)
		require.Equal(t, now, c.At)
		require.Equal(t, due, c.ScheduledFor)
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, c.RunID)
		require.False(t, seen[c.RunID])
		seen[c.RunID] = true
	}
}

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1.7"`)
		switch r.URL.Path {
		case "/refused":
			http.Error(w, "not you", http.StatusUnauthorized)
		case "/unchanged":
			w.WriteHeader(http.StatusNotModified)
		default:
			_, _ = io.WriteString(w, "all is well")
		}
	}))
	defer server.Close()
	c, err := dial(server.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	ask := func(path string) (int, string, error) {
		return c.exchange([]byte("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"))
	}
	for range 2 {
		status, etag, err := ask("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, `"1.7"`, etag)
		status, _, err = ask("/unchanged")
		require.NoError(t, err)
		require.Equal(t, http.StatusNotModified, status)
		status, _, err = ask("/refused")
		require.Equal(t, http.StatusUnauthorized, status)
		require.EqualError(t, err, "401: not you\n")
	}
}

func TestWhatTheServerHasNotReadIsSeen(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	addr := listener.Addr().String()
	waiting := func() int {
		table, err := os.Open("/proc/net/tcp")
		require.NoError(t, err)
		defer table.Close()
		n, err := unread(table, addr)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, waiting())
	client, err := dial(addr)
	require.NoError(t, err)
	defer client.Close()
	require.Equal(t, 1, waiting(), "a connection that nobody has accepted")
	server, err := listener.Accept()
	require.NoError(t, err)
	defer server.Close()
	require.Zero(t, waiting())
	_, err = client.Write([]byte("GET"))
	require.NoError(t, err)
	require.Equal(t, 1, waiting(), "bytes that nobody has read")
	_, err = io.ReadFull(server, make([]byte, 3))
	require.NoError(t, err)
	require.Zero(t, waiting())
	require.NoError(t, (&load{addr: addr}).heard())
}
