package manifests_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// TestBadManifests reads every file of testdata/bad, each of which has one fault and is
// named CODE-situation.yaml, and compares all that is said about it, to the letter. What
// takes several files is in a folder of such a name, and each of them has a fault.
func TestBadManifests(t *testing.T) {
	_, problems, err := manifests.Load(os.DirFS("testdata"), "bad")
	require.NoError(t, err)
	said := map[string][]crontopus.Problem{}
	for _, p := range problems {
		said[p.File] = append(said[p.File], p)
	}
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	together, err := filepath.Glob("testdata/bad/*/*.yaml")
	require.NoError(t, err)
	covered := map[string]bool{}
	for _, file := range append(files, together...) {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/bad/"), ".yaml")
		t.Run(name, func(t *testing.T) {
			situation, _, _ := strings.Cut(name, "/")
			code, _, _ := strings.Cut(situation, "-")
			var b strings.Builder
			for _, p := range said[strings.TrimPrefix(file, "testdata/")] {
				require.Equal(t, code, p.Code, "%v", p)
				fmt.Fprintf(&b, "%s\n  path: %s\n  hint: %s\n", p, p.Path, p.Hint)
			}
			require.NotEmpty(t, b.String(), "nothing was found")
			covered[code] = true
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", b.String())
		})
	}
	for _, code := range manifests.Codes() {
		require.True(t, covered[code], "no file under testdata/bad shows the code %s", code)
	}
}

// TestGoodManifests compares what every file of testdata/good decodes to, defaults and all.
func TestGoodManifests(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			read := manifests.Reader{}.Alone(file, data)
			require.Empty(t, read.Problems)
			var b strings.Builder
			for _, one := range read.Alerting {
				decoded, err := json.MarshalIndent(one.AlertingManifest, "", "  ")
				require.NoError(t, err)
				fmt.Fprintf(&b, "line %d, column %d\n%s\n", one.Line, one.Column, decoded)
			}
			for _, doc := range read.Documents {
				decoded, err := json.MarshalIndent(doc.Job, "", "  ")
				require.NoError(t, err)
				fmt.Fprintf(&b, "line %d, column %d\n%s\n", doc.Line, doc.Column, decoded)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", b.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), got)
}
