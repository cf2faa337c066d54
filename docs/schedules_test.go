package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/schedule"
)

// inWords is an expression and what the page says that it means.
var inWords = regexp.MustCompile("`([^`\n]+ [^`\n]+ [^`\n]+ [^`\n]+ [^`\n]+)`(?:: | is )([a-z][^|.`]+)")

func TestExpressionsMeanWhatThePageSays(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("schedules.md")
	require.NoError(t, err)
	said := inWords.FindAllStringSubmatch(strings.ReplaceAll(string(data), "\n", " "), -1)
	require.Greater(t, len(said), 8)
	for _, m := range said {
		s, err := schedule.Parse(m[1], "")
		require.NoError(t, err)
		words, _, _ := strings.Cut(m[2], " If one ")
		require.Equal(t, s.Words(), strings.TrimSpace(words), m[1])
	}
}
