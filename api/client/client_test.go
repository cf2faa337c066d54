package client_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithAPIKey("ctk_x"))
	require.NoError(t, err)
	return c
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, server := range []string{"", "localhost:8080", "ftp://x", "http://", "https://x?y=z", "https://user:pass@x", "://"} {
		_, err := client.New(server)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), server)
		require.Contains(t, crontopus.ErrorHint(err), "https://")
	}
}

func TestAgentSpeaksPlainHTTPToItsOwnMachineOnly(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for server, ok := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost": true, "https://cron.example.com": true,
		"http://cron.example.com": false, "http://10.0.0.1": false, "http://localhost.example.com": false, "http://0.0.0.0": false,
	} {
		_, err := client.New(server, client.WithAgent("a", "i", key))
		require.Equal(t, ok, err == nil, server)
	}
	c, err := client.New("http://10.0.0.1")
	require.NoError(t, err)
	_, err = c.Enroll(t.Context(), key, wire.Enroll{})
	require.ErrorContains(t, err, "plain http")
}

func TestNoServerIsASentenceThatSaysWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	c, err := client.New(address)
	require.NoError(t, err)
	for _, call := range []func() error{
		func() error { return c.Ready(t.Context()) },
		func() error { return c.SyncSource(t.Context(), "ops") },
	} {
		err := call()
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
		require.ErrorContains(t, err, "no server is listening at "+address)
		require.Contains(t, crontopus.ErrorHint(err), "crontopus server")
	}
}

func TestReadsAreTriedAgainAndChangesAreNot(t *testing.T) {
	var asked atomic.Int64
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(`{"items":[],"next":""}`))
	})
	_, err := c.Jobs(t.Context(), crontopus.Page{})
	require.NoError(t, err)
	asked.Store(0)
	err = c.SyncSource(t.Context(), "ops")
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.EqualValues(t, 1, asked.Load())
}

func TestAnswersThatAreNotTheAPIs(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		code   string
		detail string
	}{
		"a proxy's page": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", 403) }, crontopus.CodeUnavailable, "403 Forbidden"},
		"not found":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 404) }, crontopus.CodeUnavailable, "not an answer"},
		"not JSON":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, crontopus.CodeInternal, "not the API's JSON"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://evil.example.com/", 302) },
			crontopus.CodeUnavailable, "https://evil.example.com/"},
		"another's JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"code":"invalid","detail":"x"}`))
		}, crontopus.CodeUnavailable, "400 Bad Request"},
		"another's problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(413)
			_, _ = w.Write([]byte(`{"title":"Payload Too Large","status":413}`))
		}, crontopus.CodeUnavailable, "413 Request Entity Too Large"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			chunk := []byte(strings.Repeat("x", 1<<20))
			for range 80 {
				_, _ = w.Write(chunk)
			}
		}, crontopus.CodeUnavailable, "more than 64MiB"},
		"a problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(409)
			_, _ = w.Write([]byte(`{"title":"Conflict","status":409,"detail":"taken","code":"conflict","hint":"choose another","requestId":"r"}`))
		}, crontopus.CodeConflict, "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, tc.answer).Whoami(t.Context())
			require.Equal(t, tc.code, crontopus.ErrorCode(err))
			require.ErrorContains(t, err, tc.detail)
			require.NotEqual(t, name == "a problem", crontopus.ErrorHint(err) != "choose another")
		})
	}
}

func TestCallerThatEndsItsContextGetsThatBack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(http.ResponseWriter, *http.Request) { cancel() })
	err := c.SyncSource(ctx, "ops")
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestNamesAreEscapedAndKeysSent(t *testing.T) {
	var path, auth string
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		path, auth = r.URL.EscapedPath(), r.Header.Get("Authorization")
	})
	require.NoError(t, c.RemoveSource(t.Context(), "a/../b?c"))
	require.Equal(t, "/api/v1/sources/a%2F..%2Fb%3Fc", path)
	require.Equal(t, "Bearer ctk_x", auth)
}

func TestAllGoesThroughEveryPage(t *testing.T) {
	pages := map[string]string{
		"":   `{"items":[{"id":"1"},{"id":"2"}],"next":"p2"}`,
		"p2": `{"items":[{"id":"3"}],"next":""}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(pages[r.URL.Query().Get("after")]))
	})
	var ids []string
	for agent, err := range client.All(t.Context(), c.Agents) {
		require.NoError(t, err)
		ids = append(ids, agent.ID)
	}
	require.Equal(t, []string{"1", "2", "3"}, ids)
}

func TestABusyServerSaysWhenToComeBack(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "86400": 2 * time.Minute, "99999999999": 2 * time.Minute, "-1": 0, "soon": 0, "": 0} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"code":"unavailable","detail":"the database is away"}`))
		})
		_, err := c.CheckIns(t.Context(), []crontopus.CheckIn{{}})
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
		require.EqualError(t, err, "the database is away")
		var busy interface{ RetryAfter() time.Duration }
		if errors.As(err, &busy) {
			require.Equal(t, want, busy.RetryAfter(), header)
		} else {
			require.Zero(t, want, header)
		}
	}
}
