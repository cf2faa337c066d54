package manifests_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

func TestAFileThatIsNoManifestDecodesToValues(t *testing.T) {
	t.Parallel()
	value, problems := manifests.Values("hosts.yaml", []byte("# hosts\n- name: db-01\n  labels: {role: db}\n- {name: web}\n"))
	require.Empty(t, problems)
	require.Equal(t, []any{
		map[string]any{"name": "db-01", "labels": map[string]any{"role": "db"}},
		map[string]any{"name": "web"},
	}, value)
	value, problems = manifests.Values("empty.yaml", nil)
	require.Nil(t, value)
	require.Empty(t, problems)
}

func TestValuesAreUnderTheLimitsOfManifests(t *testing.T) {
	t.Parallel()
	for code, text := range map[string]string{
		manifests.CodeTooLarge:     strings.Repeat("# comment\n", 30_000),
		manifests.CodeTooComplex:   strings.Repeat("[", 40) + strings.Repeat("]", 40),
		manifests.CodeYAMLFeature:  "- &a [x]\n- *a\n",
		manifests.CodeDuplicateKey: "a: 1\na: 2\n",
		manifests.CodeSyntax:       "a: [1\n",
	} {
		_, problems := manifests.Values("hosts.yaml", []byte(text))
		require.NotEmpty(t, problems, code)
		require.Equal(t, code, problems[0].Code)
		require.Equal(t, "hosts.yaml", problems[0].File)
	}
}
