package api_test

import (
	"flag"
	"os"
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
