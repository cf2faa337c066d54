package findings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
)

// TestNoManifestCommandsTheCI: GitHub and Forgejo obey a line of a job's log that begins with
// "::", blanks in front of it notwithstanding, and "##[" wherever it stands.
func TestNoManifestCommandsTheCI(t *testing.T) {
	t.Parallel()
	r := &findings.Report{
		Problems: []crontopus.Problem{
			{File: "::add-mask::a.yaml", Line: 1, Column: 1, Code: "syntax", Message: "odd", Hint: "##[add-mask]a"},
			{File: "b.yaml", Line: 1, Column: 4, Code: "syntax", Message: "::stop-commands::x"},
		},
		Lines: func(string) []string { return []string{"   ::set-output name=role::admin ##[add-mask]b"} },
	}
	var text strings.Builder
	require.NoError(t, r.Write(&text, findings.Text))
	for line := range strings.Lines(text.String()) {
		require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
		require.NotContains(t, line, "##[")
	}
	for _, format := range []string{findings.GitHub, findings.Forgejo} {
		var out strings.Builder
		require.NoError(t, r.Write(&out, format))
		for line := range strings.Lines(out.String()) {
			require.True(t, strings.HasPrefix(line, "::error title=syntax,file="), line)
		}
	}
}
