package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func TestErrorsAreProblemsWithACode(t *testing.T) {
	s := newServer(t)
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		code, detail       string
	}{
		"no such route":     {"GET", "/api/v2/jobs", "", 404, "not_found", "nothing at /api/v2/jobs"},
		"no such method":    {"PUT", "/api/v1/jobs", "", 405, "method_not_allowed", "does not take PUT"},
		"no such job":       {"GET", "/api/v1/jobs/a/b", "", 404, "not_found", "there is no"},
		"not a job's name":  {"GET", "/api/v1/jobs/a/..%2Fb", "", 404, "not_found", ""},
		"no such run":       {"GET", "/api/v1/runs/x", "", 404, "not_found", "there is no"},
		"not JSON":          {"POST", "/api/v1/api-keys", "{", 400, "invalid", "body"},
		"no body":           {"POST", "/api/v1/api-keys", "", 400, "invalid", "body"},
		"unknown field":     {"POST", "/api/v1/api-keys", `{"name":"a","role":"viewer","rolle":"x"}`, 400, "invalid", "body.rolle: unexpected property"},
		"field missing":     {"POST", "/api/v1/api-keys", `{"name":"a"}`, 400, "invalid", "role"},
		"unknown role":      {"POST", "/api/v1/api-keys", `{"name":"a","role":"root"}`, 400, "invalid", `"root" is not a role`},
		"no name":           {"POST", "/api/v1/api-keys", `{"name":"","role":"viewer"}`, 400, "invalid", "needs a name"},
		"limit too large":   {"GET", "/api/v1/jobs?limit=1001", "", 400, "invalid", "query.limit"},
		"limit no number":   {"GET", "/api/v1/jobs?limit=x", "", 400, "invalid", "query.limit"},
		"unknown state":     {"GET", "/api/v1/runs?state=done", "", 400, "invalid", "query.state"},
		"job no job":        {"GET", "/api/v1/runs?job=a/b/c", "", 400, "invalid", "NAMESPACE/NAME"},
		"since no time":     {"GET", "/api/v1/runs?since=yesterday", "", 400, "invalid", "query.since"},
		"body too large":    {"POST", "/api/v1/api-keys", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too_large", "larger"},
		"plan not the held": {"POST", "/api/v1/sources/ops/approve", `{"plan":"00"}`, 409, "conflict", "another plan"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.send(tc.method, tc.path, tc.body, s.bearer(crontopus.RoleAdmin))
			p := r.problem(t)
			require.Equal(t, tc.status, r.status)
			require.Equal(t, tc.code, p.Code)
			require.Contains(t, p.Detail, tc.detail)
			require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
			if tc.status == 405 {
				require.Equal(t, "GET, HEAD", r.header.Get("Allow"))
			}
		})
	}
}

func TestWhatWasSentIsNotEchoed(t *testing.T) {
	s := newServer(t)
	r := s.send(http.MethodPost, "/api/v1/sources", `{"name":1,"url":"u","password":["hunter2"]}`, s.bearer(crontopus.RoleAdmin))
	require.Equal(t, 400, r.status)
	require.NotContains(t, string(r.body), "hunter2")
}

func TestOurOwnFaultsAreLoggedAndNotSent(t *testing.T) {
	for name, fail := range map[string]error{
		"a plain error":   errors.New("SELECT secret FROM table"),
		"an internal one": &crontopus.Error{Code: crontopus.CodeInternal, Message: "SELECT secret FROM table"},
		"a code unheard":  &crontopus.Error{Code: "novel", Message: "SELECT secret FROM table"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.store.change(func() { s.store.fail = fail })
			r := s.send(http.MethodGet, "/api/v1/jobs", "", s.bearer(crontopus.RoleViewer), wire.HeaderRequestID+": my-request.1")
			require.Equal(t, 500, r.status)
			p := r.problem(t)
			require.Equal(t, crontopus.CodeInternal, p.Code)
			require.Equal(t, "my-request.1", p.RequestID)
			require.NotContains(t, string(r.body), "SELECT")
			require.Contains(t, s.log.String(), "SELECT secret")
			require.Contains(t, s.log.String(), `"requestId":"my-request.1"`)
		})
	}
}

func TestRequestIDsThatCouldBreakALogAreReplaced(t *testing.T) {
	s := newServer(t)
	for name, id := range map[string]string{"none": "", "spaces": "a b", "long": strings.Repeat("x", 65), "quotes": `a"b`} {
		t.Run(name, func(t *testing.T) {
			r := s.send(http.MethodGet, "/healthz", "", wire.HeaderRequestID+": "+id)
			require.Len(t, r.header.Get(wire.HeaderRequestID), 26)
		})
	}
}

func TestHealth(t *testing.T) {
	s := newServer(t)
	require.Equal(t, 200, s.send(http.MethodGet, "/readyz", "").status)
	require.Equal(t, 200, s.send(http.MethodHead, "/healthz", "").status)
	s.store.change(func() { s.store.fail = errors.New("disk on fire") })
	r := s.send(http.MethodGet, "/readyz", "")
	require.Equal(t, 503, r.status)
	require.NotContains(t, string(r.body), "fire")
	require.Equal(t, 200, s.send(http.MethodGet, "/healthz", "").status)
}
