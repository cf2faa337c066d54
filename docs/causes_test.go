package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachCauseHasItsRow(t *testing.T) {
	source, err := os.ReadFile("../incident.go")
	require.NoError(t, err)
	page, err := os.ReadFile("causes.md")
	require.NoError(t, err)
	codes := regexp.MustCompile(`\tCause\w+ += "(\w+)"`).FindAllSubmatch(source, -1)
	require.NotEmpty(t, codes)
	for _, code := range codes {
		require.Contains(t, string(page), "\n| `"+string(code[1])+"` | ")
	}
}
