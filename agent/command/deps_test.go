package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = "crontopus.dev/crontopus/cmd/crontopus-agent"

// What the program on every host must not link, and why.
var forbidden = map[string]string{
	"github.com/jackc/pgx":              "a host asks no database",
	"modernc.org/sqlite":                "a host asks no database",
	"github.com/go-git/go-git":          "a host reads no repository",
	"github.com/danielgtaylor/huma":     "a host serves nothing",
	"github.com/go-chi/chi":             "a host serves nothing",
	"github.com/santhosh-tekuri":        "manifests are validated by the server",
	"go.opentelemetry.io":               "the server tells of what hosts apply",
	"github.com/stretchr/testify":       "tests stay out of programs",
	"crontopus.dev/crontopus/app":       "the server",
	"crontopus.dev/crontopus/cli":       "links the server",
	"crontopus.dev/crontopus/store":     "the server",
	"crontopus.dev/crontopus/syncer":    "the server",
	"crontopus.dev/crontopus/manifests": "the server",
	"crontopus.dev/crontopus/web":       "the console",
}

func TestAgentLinksNothingOfTheServer(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", program).Output()
	require.NoError(t, err)
	linked := strings.Fields(string(out))
	require.Contains(t, linked, "crontopus.dev/crontopus/envelope", "the list is a list")
	for _, pkg := range linked {
		require.NotEqual(t, "crontopus.dev/crontopus/api", pkg, "the server")
		for prefix, why := range forbidden {
			require.False(t, pkg == prefix || strings.HasPrefix(pkg, prefix+"/"), "%s: %s", pkg, why)
		}
	}
}

func TestAgentIsSmall(t *testing.T) {
	const most = 12 << 20
	binary := filepath.Join(t.TempDir(), "crontopus-agent")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, program).CombinedOutput()
	require.NoError(t, err, string(out))
	info, err := os.Stat(binary)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(most))
}
