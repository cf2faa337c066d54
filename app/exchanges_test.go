package app_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api/wire"
)

// What agents and servers of each version said to each other is kept here, one folder a
// version, one file an exchange. See CONTRIBUTING.md for how the next one is recorded.
const exchangesDir = "../api/testdata/exchanges"

var record = flag.String("record", "", "record the exchanges of this version in the folder `vN` of "+exchangesDir)

// exchange is one request and its answer. Bodies are text, since signatures cover each byte.
type exchange struct {
	Step    string
	Request struct {
		Method, Path string
		Header       map[string]string
		Body         string
	}
	Answer struct {
		Status int
		Header map[string]string
		Body   string
	}
}

// kept are the headers that mean something to the protocol.
func kept(h http.Header) map[string]string {
	headers := map[string]string{}
	for _, name := range []string{"Authorization", "Content-Type", "Etag", "If-None-Match", "Retry-After", "User-Agent",
		"Www-Authenticate", wire.HeaderKeySet, wire.HeaderSignature, wire.HeaderSpoolDrained, wire.HeaderVersion} {
		if v := h.Get(name); v != "" {
			headers[http.CanonicalHeaderKey(name)] = v
		}
	}
	return headers
}

// recorder lets requests pass to a server and keeps what was said.
type recorder struct {
	http.Handler
	mu   sync.Mutex
	step string
	all  []exchange
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(err)
	}
	var e exchange
	e.Request.Method, e.Request.Path = req.Method, req.URL.RequestURI()
	e.Request.Header, e.Request.Body = kept(req.Header), string(body)
	req.Body = io.NopCloser(strings.NewReader(e.Request.Body))
	answer := httptest.NewRecorder()
	r.Handler.ServeHTTP(answer, req)
	e.Answer.Status, e.Answer.Header, e.Answer.Body = answer.Code, kept(answer.Header()), answer.Body.String()
	r.mu.Lock()
	e.Step = r.step
	r.all = append(r.all, e)
	r.mu.Unlock()
	give(w, e)
}

// give answers as it was recorded.
func give(w http.ResponseWriter, e exchange) {
	for name, value := range e.Answer.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(e.Answer.Status)
	_, _ = io.WriteString(w, e.Answer.Body)
}

// recordedServer is a server of another version: it has nothing but what it once said.
type recordedServer struct {
	mu   sync.Mutex
	left []exchange // of the step that is played
}

func (s *recordedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range s.left {
		path, _, _ := strings.Cut(e.Request.Path, "?")
		if e.Request.Method == r.Method && path == r.URL.Path {
			s.left = append(s.left[:i:i], s.left[i+1:]...)
			give(w, e)
			return
		}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(wire.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is nothing at " + r.URL.Path})
}

// versions are the folders of recorded exchanges.
func versions(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(exchangesDir, "v*"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func readExchanges(t *testing.T, dir string) (s setting, all []exchange) {
	t.Helper()
	read := func(file string, into any) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, into), file)
	}
	read(filepath.Join(dir, "setting.json"), &s)
	files, err := filepath.Glob(filepath.Join(dir, "[0-9]*.json"))
	require.NoError(t, err)
	for _, file := range files {
		var e exchange
		read(file, &e)
		all = append(all, e)
	}
	return s, all
}

func writeExchanges(t *testing.T, dir string, s setting, all []exchange) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	write := func(name string, v any) {
		data, err := json.MarshalIndent(v, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o644))
	}
	write("setting.json", s)
	for i, e := range all {
		write(fmt.Sprintf("%02d-%s.json", i+1, e.Step), e)
	}
}

// of returns the exchanges of a step.
func of(all []exchange, step string) (some []exchange) {
	for _, e := range all {
		if e.Step == step {
			some = append(some, e)
		}
	}
	return some
}

// includes fails unless an answer says all that another one said: it may say more. What is
// made up anew each time, and words for people, may be others.
func includes(t *testing.T, was, is any, place string) {
	t.Helper()
	switch was := was.(type) {
	case map[string]any:
		now, ok := is.(map[string]any)
		require.True(t, ok, "%s is no object any more", place)
		for name, value := range was {
			require.Contains(t, now, name, "%s has lost a member", place)
			switch name {
			case "agentId", "requestId", "detail", "hint", "message", "title":
				require.IsType(t, value, now[name], "%s.%s", place, name)
			default:
				includes(t, value, now[name], place+"."+name)
			}
		}
	case []any:
		now, ok := is.([]any)
		require.True(t, ok && len(now) == len(was), "%s is another list", place)
		for i := range was {
			includes(t, was[i], now[i], fmt.Sprintf("%s[%d]", place, i))
		}
	default:
		require.Equal(t, was, is, place)
	}
}
