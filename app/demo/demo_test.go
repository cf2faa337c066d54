package demo_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app/demo"
)

func TestWhatTheDemoNeedsIsSaidBeforeAnythingStarts(t *testing.T) {
	for _, c := range []struct {
		name       string
		env, value func(t *testing.T) string
		says, hint string
	}{
		{"no git", is("PATH"), emptyFolder, "the demo pushes with git, which is not here", "sudo apt install git"},
		{"a blank in TMPDIR", is("TMPDIR"), is("/tmp/a b"), `"/tmp/a b", cannot stand in a crontab or a URL`, "TMPDIR=/tmp crontopus demo"},
		{"no such TMPDIR", is("TMPDIR"), is("/nowhere"), "cannot make a scratch folder", "TMPDIR=/tmp crontopus demo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(c.env(t), c.value(t))
			var out bytes.Buffer
			err := demo.Run(t.Context(), demo.Options{Crontopus: "/bin/false", Agent: "/bin/false", Out: &out})
			require.ErrorContains(t, err, c.says)
			require.Contains(t, crontopus.ErrorHint(err), c.hint)
			require.Empty(t, out.String())
		})
	}
}

func TestTheDemoLeavesNothingWhenAProgramEnds(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	err := demo.Run(t.Context(), demo.Options{Crontopus: "/bin/false", Agent: "/bin/false", Out: &bytes.Buffer{}})
	require.ErrorContains(t, err, "server ended with exit status 1")
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

func is(s string) func(*testing.T) string { return func(*testing.T) string { return s } }

func emptyFolder(t *testing.T) string { return t.TempDir() }
