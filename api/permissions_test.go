package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/api/wire"
)

// allowed says which callers each permission lets through, and nothing else does.
var allowed = map[string]string{
	"public":   "anonymous viewer operator admin agent",
	"viewer":   "viewer operator admin",
	"operator": "operator admin",
	"admin":    "admin",
	"agent":    "agent",
	"reporter": "operator admin agent",
}

// routes returns each route's permission, as the served description has it.
func routes(t *testing.T, s *server) map[string]string {
	r := s.send(http.MethodGet, "/openapi.json", "")
	require.Equal(t, http.StatusOK, r.status)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Permission string `json:"x-crontopus-permission"`
			Summary    string `json:"summary"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(r.body, &doc))
	require.Regexp(t, `^3\.1\.`, doc.OpenAPI)
	found := map[string]string{"GET /openapi.json": "public"}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			require.NotEmpty(t, op.Summary, path)
			found[strings.ToUpper(method)+" "+path] = op.Permission
		}
	}
	return found
}

func TestEveryRouteIsDescribedWithItsPermission(t *testing.T) {
	s := newServer(t)
	described := routes(t, s)
	served := map[string]bool{}
	require.NoError(t, s.api.Walk(func(method, path string) error {
		if path, whole := strings.CutSuffix(path, "*"); whole { // described by what is below it
			for route, permission := range described {
				if _, at, _ := strings.Cut(route, " "); strings.HasPrefix(at, path) {
					require.Equal(t, "public", permission)
					served[route] = true
				}
			}
			return nil
		}
		served[method+" "+path] = true
		require.Contains(t, allowed, described[method+" "+path], "%s %s", method, path)
		return nil
	}))
	for route := range described {
		require.True(t, served[route], route)
	}
}

func TestEveryRouteLetsInWhomItDeclaresAndNobodyElse(t *testing.T) {
	for route, permission := range routes(t, newServer(t)) {
		t.Run(route, func(t *testing.T) {
			method, path, _ := strings.Cut(route, " ")
			path = strings.NewReplacer("{namespace}", "production", "{name}", "none", "{id}", "none").Replace(path)
			for _, who := range []string{"anonymous", "viewer", "operator", "admin", "agent"} {
				s := newServer(t)
				var headers []string
				switch who {
				case "anonymous":
				case "agent":
					headers = []string{"Authorization: Bearer " + s.agentToken(time.Now(), nil)}
				default:
					headers = []string{s.bearer(crontopus.Role(who))}
				}
				body := ""
				if method == http.MethodPost {
					body = "{}"
				}
				if strings.HasSuffix(path, "/tail") { // would last
					s.api.EndTails()
				}
				status := s.send(method, path, body, headers...).status
				switch {
				case strings.HasPrefix(path, "/hooks/") || strings.HasSuffix(path, "/enroll"):
					// These prove their caller in a way of their own, which nobody here did.
				case strings.Contains(allowed[permission], who):
					require.NotContains(t, []int{401, 403}, status, who)
				case who == "anonymous":
					require.Equal(t, 401, status, who)
				default:
					require.Equal(t, 403, status, who)
				}
			}
		})
	}
}

func TestRouteWithoutPermissionKeepsTheServerFromStarting(t *testing.T) {
	require.ErrorContains(t, api.RegisterWithout(), "GET /api/v1/secrets declares no permission")
}

func TestNewRefusesHalfOfItsOptions(t *testing.T) {
	_, err := api.New(api.Options{})
	require.ErrorContains(t, err, "are needed")
}

func TestAPIKeysThatAreRefused(t *testing.T) {
	s := newServer(t)
	good := s.keys[crontopus.RoleViewer]
	for name, tc := range map[string]struct{ header, detail string }{
		"none":               {"X-Nothing: x", "needs a credential"},
		"basic":              {"Authorization: Basic dXNlcjpwYXNz", "Bearer"},
		"cut off":            {"Authorization: Bearer " + good[:20], "not complete"},
		"well formed":        {"Authorization: Bearer ctk_" + strings.Repeat("0", 43) + "000000", ""},
		"no scheme":          {"Authorization: " + good, "Bearer"},
		"garbage":            {"Authorization: Bearer x", "neither an API key nor an agent's token"},
		"nothing":            {"Authorization: Bearer", "neither an API key nor an agent's token"},
		"two dots":           {"Authorization: Bearer a.b.c", "token is not valid"},
		"an enrolment token": {"Authorization: Bearer cte_x", "neither an API key"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.send(http.MethodGet, "/api/v1/whoami", "", tc.header)
			p := r.problem(t)
			require.Equal(t, 401, r.status)
			require.Equal(t, crontopus.CodeUnauthorized, p.Code)
			require.Contains(t, p.Detail, tc.detail)
			require.NotEmpty(t, r.header.Get("WWW-Authenticate"))
			require.NotContains(t, string(r.body), good)
			if strings.HasPrefix(tc.detail, "neither") {
				require.Contains(t, p.Hint, "an API key begins with ctk_")
			}
		})
	}
}

func TestRevokedAPIKeyIsRefusedByTheNextRequest(t *testing.T) {
	s := newServer(t)
	require.NoError(t, s.as(crontopus.RoleAdmin).RevokeAPIKey(t.Context(), "key-viewer"))
	_, err := s.as(crontopus.RoleViewer).Whoami(t.Context())
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(err))
	require.NotEmpty(t, crontopus.ErrorHint(err))
}

func TestARoleThatIsTooLowIsToldHowToGetAnother(t *testing.T) {
	s := newServer(t)
	for route, role := range map[string]crontopus.Role{
		"/api/v1/enrollment-tokens": crontopus.RoleOperator,
		"/api/v1/sources":           crontopus.RoleAdmin,
		"/api/v1/api-keys":          crontopus.RoleAdmin,
	} {
		r := s.send(http.MethodPost, route, "{}", s.bearer(crontopus.RoleViewer))
		require.Equal(t, http.StatusForbidden, r.status, route)
		var p wire.Problem
		require.NoError(t, json.Unmarshal(r.body, &p))
		require.Equal(t, crontopus.CodeForbidden, p.Code)
		require.Contains(t, p.Detail, "this needs the role "+string(role))
		require.Equal(t, "ask an admin for a key with `crontopus api-keys create NAME --role "+string(role)+"`", p.Hint)
	}
}
