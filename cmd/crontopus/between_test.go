package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"crontopus.dev/crontopus/api/wire"
)

// between NAME URL FILE puts somebody between an agent and its server, and sets NAME to his
// address: while FILE is there he hands it out as the agent's bundle, and lets everything
// else pass.
func between(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: between NAME URL FILE")
	}
	server, err := url.Parse(args[1])
	ts.Check(err)
	planted := ts.MkAbs(args[2])
	pass := httputil.NewSingleHostReverseProxy(server)
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(planted); r.URL.Path != "/api/v1/agent/bundle" || err != nil {
			r.URL.RawQuery = "" // no long poll: what is planted is to be found soon
			pass.ServeHTTP(w, r)
			return
		}
		bundle, tag := another(r.Context(), planted, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Type", wire.ContentTypeEnvelope)
		if bundle == nil {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(bundle) // the agent may have gone
	}))
	ts.Defer(l.Close)
	ts.Setenv(args[0], l.URL)
}

// hangingForge NAME GATE LOG plays a Git server that answers every request with status
// 500, once the file GATE is there, and writes a line to LOG when it is asked.
func hangingForge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hangingforge NAME GATE LOG")
	}
	gate, log := ts.MkAbs(args[1]), ts.MkAbs(args[2])
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintln(asked, r.URL.Path)
			err = asked.Close()
		}
		if err != nil {
			panic(err)
		}
		appears(r.Context(), gate)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	ts.Defer(l.Close)
	ts.Setenv(args[0], l.URL)
}

// another waits until the file has another tag than this one. It returns no content when
// the file or the caller is gone.
func another(ctx context.Context, file, have string) (content []byte, tag string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		content, err := os.ReadFile(file)
		sum := sha256.Sum256(content)
		switch tag = `"` + hex.EncodeToString(sum[:8]) + `"`; {
		case err != nil:
			return nil, have
		case tag != have:
			return content, tag
		}
		select {
		case <-ctx.Done():
			return nil, have
		case <-tick.C:
		}
	}
}

// appears waits until there is such a file, or ctx ends.
func appears(ctx context.Context, file string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
