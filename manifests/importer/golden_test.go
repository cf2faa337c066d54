package importer_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests/importer"
)

var update = flag.Bool("update", false, "write the files NAME.want anew")

// TestWhatBecomesOfOriginals imports each file of testdata/FORMAT, or each folder of files
// that belong together, and compares all that comes out with NAME.want beside it.
func TestWhatBecomesOfOriginals(t *testing.T) {
	t.Parallel()
	for _, format := range importer.Formats() {
		folder := filepath.Join("testdata", format)
		cases, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.NotEmpty(t, cases)
		for _, c := range cases {
			if strings.HasSuffix(c.Name(), ".want") {
				continue
			}
			t.Run(format+"/"+c.Name(), func(t *testing.T) {
				t.Parallel()
				o := options()
				o.Timezone = importer.DefaultTimezone(format)
				o.CommentedOut = c.Name() == "commented-out"
				result, err := importer.Import(format, originals(t, folder, c.Name()), o)
				require.NoError(t, err)
				got, want := told(result), filepath.Join(folder, c.Name()+".want")
				if *update {
					require.NoError(t, os.WriteFile(want, []byte(got), 0o644))
				}
				expected, err := os.ReadFile(want)
				require.NoError(t, err)
				require.Equal(t, string(expected), got)
			})
		}
	}
}

// originals reads a case: a file, or all files of a folder.
func originals(t *testing.T, folder, name string) (inputs []importer.Input) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(folder), name, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(folder, name))
		inputs = append(inputs, importer.Input{Name: name, Data: data})
		return err
	})
	require.NoError(t, err)
	return inputs
}

// told is everything that comes of an import.
func told(result *importer.Result) string {
	var b strings.Builder
	for _, p := range result.Problems {
		fmt.Fprintf(&b, "%s:%d: %s [%s]\n", p.File, p.Line, p.Message, p.Code)
		if p.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", p.Hint)
		}
	}
	for _, job := range result.Jobs {
		fmt.Fprintf(&b, "--- %s from %s:%d", job.Name, job.File, job.Line)
		if p := job.Proof; p != nil {
			fmt.Fprintf(&b, ", %d runs and %d clock changes in %s", p.Runs, p.ClockChanges, strings.Join(p.Zones, " "))
			if p.Unproven > 0 {
				fmt.Fprintf(&b, " (%d left out)", p.Unproven)
			}
		}
		b.WriteString("\n" + job.Manifest)
	}
	return b.String()
}
