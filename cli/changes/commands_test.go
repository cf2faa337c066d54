package changes_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/changes"
	"crontopus.dev/crontopus/manifests/diff"
)

// TestNoScriptCommandsTheCI: what a comment says is printed where there is no pull request, and
// the log of GitHub or Forgejo obeys a line that begins with "::" behind any blanks.
func TestNoScriptCommandsTheCI(t *testing.T) {
	t.Parallel()
	before, after := job("backup", "30 2 * * *"), job("backup", "30 3 * * *")
	before.Job.Spec.Run.Script = "::set-output name=a::b\n  ::add-mask::c\n##[add-mask]d\none\n"
	after.Job.Spec.Run.Script = strings.Replace(before.Job.Spec.Run.Script, "one", "two", 1)
	r := compare([]crontopus.DesiredJob{before}, []crontopus.DesiredJob{after}, diff.Fleet{})
	for _, format := range []string{changes.Text, changes.Markdown} {
		var out bytes.Buffer
		require.NoError(t, changes.Write(&out, r, format, false))
		require.Contains(t, out.String(), "add-mask", "the lines beside the change are shown")
		for line := range strings.Lines(out.String()) {
			require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
			require.NotContains(t, line, "##[")
		}
	}
}
