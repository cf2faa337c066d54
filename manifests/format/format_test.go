package format_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests/format"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// TestGoldens formats every file of testdata and compares the result, to the letter.
func TestGoldens(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			formatted, problems := format.Format(file, data)
			require.Empty(t, problems)
			golden := strings.TrimSuffix(file, ".yaml") + ".want"
			if *update {
				require.NoError(t, os.WriteFile(golden, formatted, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run the test with -update to write it")
			require.Equal(t, string(want), string(formatted))
			requireKept(t, data)
		})
	}
}

func TestOurOwnManifestsAreFormatted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*/*/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "../testdata/good/everything.yaml") {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		formatted, problems := format.Format(file, data)
		require.Empty(t, problems, file)
		require.Equal(t, string(data), string(formatted), file)
	}
}

func TestWhatStaysByteForByte(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                               "",
		"blank lines":                           "\n \n\n",
		"another kind of YAML":                  "b:   1\r\na: {x: 1,y: 2}\r\n",
		"YAML with anchors that is no manifest": "a: &x {b: 1}\nc: *x\n",
		"another version of the language":       "kind: Job\napiVersion: crontopus.dev/v9\n",
		"a kind that does not exist":            "kind:   Dream\napiVersion: crontopus.dev/v1\n",
		"a file that opts out":                  "# crontopus: ignore\nkind:   Job\napiVersion: crontopus.dev/v1\n",
		"a list":                                "- kind:   Job\n  apiVersion: crontopus.dev/v1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formatted, problems := format.Format("a.yaml", []byte(text))
			require.Empty(t, problems)
			require.Equal(t, text, string(formatted))
		})
	}
}

func TestWhatIsAProblemStaysAsItIs(t *testing.T) {
	t.Parallel()
	const good = "kind:   Job\napiVersion: crontopus.dev/v1\n---\n"
	for _, c := range []struct{ name, text, code string }{
		{"brackets without an end", good + "a: [1,\n", "syntax"},
		{"a key twice", good + "a: 1\na: 2\n", "duplicate_key"},
		{"a manifest with anchors", good + "apiVersion: crontopus.dev/v1\nkind: Job\nspec: &x {}\n", "yaml_feature"},
		{"no text", good + "a: \x00\n", "not_text"},
		{"a key that is no text", good + "1: x\n", "key_type"},
		{"too large", good + strings.Repeat("# 78 characters, again and again\n", 9000), "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			formatted, problems := format.Format("a.yaml", []byte(c.text))
			require.NotEmpty(t, problems)
			require.Equal(t, c.code, problems[0].Code)
			require.Equal(t, "a.yaml", problems[0].File)
			require.Equal(t, c.text, string(formatted))
		})
	}
}

func TestWhatADocumentSaysOfItselfStaysOnTop(t *testing.T) {
	t.Parallel()
	formatted, problems := format.Format("a.yaml", []byte("# crontopus: allow no-timeout\nkind: Job\n# the version\napiVersion: crontopus.dev/v1\n"))
	require.Empty(t, problems)
	require.Equal(t, "# crontopus: allow no-timeout\n# the version\napiVersion: crontopus.dev/v1\nkind: Job\n", string(formatted))
}
