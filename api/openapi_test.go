package api_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

func TestCommittedDescriptionIsCurrent(t *testing.T) {
	got, err := api.OpenAPI()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("openapi.yaml", got, 0o644))
	}
	want, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err, "write it with: go test ./api -run CommittedDescription -update")
	require.Equal(t, string(want), string(got), "update it with: go test ./api -run CommittedDescription -update")
}

func TestEveryOperationThatTakesABodyListsWhatBecomesOfABadOne(t *testing.T) {
	var described struct {
		Paths map[string]map[string]struct {
			RequestBody any            `json:"requestBody"`
			Responses   map[string]any `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(newServer(t).send(http.MethodGet, "/openapi.json", "").body, &described))
	bodies := 0
	for path, operations := range described.Paths {
		for method, op := range operations {
			if op.RequestBody == nil {
				require.NotContains(t, op.Responses, "413", "%s %s", method, path)
				continue
			}
			bodies++
			for _, status := range []string{"400", "408", "413", "503"} {
				if status == "413" && strings.HasPrefix(path, "/ping/") {
					continue // it keeps the first bytes
				}
				require.Contains(t, op.Responses, status, "%s %s", method, path)
			}
		}
	}
	require.Greater(t, bodies, 20)
}
