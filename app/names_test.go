package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/pgtest"
)

// Whatever stands where a route expects a name: the caller is told that it is wrong or that
// there is no such thing, on either engine.
func TestNamesThatNoDatabaseStores(t *testing.T) {
	for name, database := range map[string]string{"SQLite": "", "PostgreSQL": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.Database = database
			a := open(t, o)
			run(t, a)
			ask := func(method, path string) (int, string) {
				request, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader("{}"))
				require.NoError(t, err)
				request.Header.Set("Authorization", "Bearer "+adminKey(t, o))
				request.Header.Set("Content-Type", "application/json")
				response, err := http.DefaultClient.Do(request)
				require.NoError(t, err)
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				return response.StatusCode, string(body)
			}
			_, description := ask(http.MethodGet, "/openapi.json")
			var api struct {
				Paths map[string]map[string]struct {
					Parameters []struct{ Name, In string }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(description), &api))
			parameter := regexp.MustCompile(`\{[^}]+\}`)
			asked := 0
			for _, bad := range []string{"%00", "a%00b", "%ff", "a%C3%28", "%ED%A0%80", "%F4%90%80%80", "%0A", "a%2F..%2Fb", "%27%3B--", "%E2%80%AE", strings.Repeat("a", 5000)} {
				for path, operations := range api.Paths {
					for method, operation := range operations {
						address := parameter.ReplaceAllString(path, bad)
						for _, p := range operation.Parameters {
							if p.In == "query" {
								address += map[bool]string{true: "?", false: "&"}[!strings.Contains(address, "?")] + p.Name + "=" + bad
							}
						}
						if address == path {
							continue
						}
						asked++
						status, body := ask(strings.ToUpper(method), address)
						require.Less(t, status, 500, "%s %s: %s", method, address, body)
						if strings.Contains(path, "{") && method == "get" {
							require.True(t, slices.Contains([]int{400, 403, 404, 405, 414}, status), "%s %s: %d %s", method, address, status, body)
						}
					}
				}
			}
			require.Greater(t, asked, 100)
		})
	}
}
