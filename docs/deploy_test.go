package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Units start commands that exist, with flags that they have, and systemd accepts them.
func TestUnitsOfSystemd(t *testing.T) {
	t.Parallel()
	units, err := filepath.Glob("../deploy/systemd/*.service")
	require.NoError(t, err)
	require.Len(t, units, 2)
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		_, start, found := strings.Cut(string(text), "\nExecStart=/usr/local/bin/")
		require.True(t, found, unit)
		line, _, _ := strings.Cut(start, "\n")
		words := strings.Fields(line)
		root := programs()[words[0]]
		require.NotNil(t, root, unit)
		command, rest, err := root.Find(words[1:])
		require.NoError(t, err, unit)
		require.NotEqual(t, root, command, unit)
		require.NoError(t, command.ParseFlags(rest), unit)

		program, err := exec.LookPath("systemd-analyze")
		require.NoError(t, err, "make install-deps installs it")
		checked := filepath.Join(t.TempDir(), filepath.Base(unit)) // of a program that is on this machine
		installed := strings.Replace(string(text), "/usr/local/bin/"+words[0], "/bin/true", 1)
		require.NoError(t, os.WriteFile(checked, []byte(installed), 0o600))
		out, err := exec.CommandContext(t.Context(), program, "verify", "--man=no", checked).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, string(out))
	}
}
