package importer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/importer"
)

var now = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

// options are what a person says.
func options() importer.Options {
	return importer.Options{
		Target: crontopus.Target{Labels: map[string]string{"role": "db"}}, Timezone: crontopus.TimezoneHost, Now: now,
	}
}

// realLines are what people really write, without a line that is wrong.
func realLines(t testing.TB) []importer.Input {
	t.Helper()
	files, err := filepath.Glob("testdata/import/*")
	require.NoError(t, err)
	var inputs []importer.Input
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		inputs = append(inputs, importer.Input{Name: file, Data: data, Owner: "app", Users: strings.HasSuffix(file, ".crond")})
	}
	return inputs
}

// entries counts the lines of a crontab that start something.
func entries(in importer.Input) (n int) {
	for line := range strings.Lines(string(in.Data)) {
		line = strings.TrimSpace(line)
		name, _, isSetting := strings.Cut(line, "=")
		if line != "" && line[0] != '#' && (!isSetting || strings.ContainsAny(name, " \t*@")) {
			n++
		}
	}
	return n
}

func TestTwoHundredRealLinesAreImportedWithProof(t *testing.T) {
	t.Parallel()
	inputs := realLines(t)
	wanted := 0
	for _, in := range inputs {
		wanted += entries(in)
	}
	require.GreaterOrEqual(t, wanted, 190)
	result, err := importer.Import(importer.Crontab, inputs, options())
	require.NoError(t, err)
	for _, p := range result.Problems {
		require.NotEqual(t, crontopus.SeverityError, p.Level(), "%s", p)
	}
	require.Len(t, result.Jobs, wanted)

	var whole strings.Builder
	seen := map[crontopus.JobName]bool{}
	for _, job := range result.Jobs {
		whole.WriteString("---\n" + job.Manifest)
		require.NotNil(t, job.Proof, job.Name)
		require.True(t, crontopus.ValidName(job.Name.Name) && !seen[job.Name], job.Name)
		seen[job.Name] = true
		if !job.Proof.Reboot {
			require.Equal(t, importer.Runs, job.Proof.Runs, "%s", job.Manifest)
			require.Positive(t, job.Proof.ClockChanges)
		}
		documents, problems := manifests.Decode("one.yaml", []byte(job.Manifest))
		require.Empty(t, problems)
		require.Len(t, documents, 1)
		require.Equal(t, job.Name, documents[0].Job.Name())
	}
	for _, in := range inputs {
		for line := range strings.Lines(string(in.Data)) {
			if line = strings.TrimSpace(line); line != "" && line != "#" {
				text := strings.TrimSpace(strings.Trim(line, "#"))
				require.Contains(t, whole.String(), text, "nothing is lost")
			}
		}
	}
}
