package importer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/importer"
)

// quick are options with which a proof takes one zone.
func quick() importer.Options {
	o := options()
	o.Timezone = "UTC"
	return o
}

// imported imports what a stranger wrote, and checks what holds for any input.
func imported(t *testing.T, format string, in importer.Input, o importer.Options) *importer.Result {
	t.Helper()
	began := time.Now()
	result, err := importer.Import(format, []importer.Input{in}, o)
	require.NoError(t, err)
	require.Less(t, time.Since(began), 10*time.Second)
	again, err := importer.Import(format, []importer.Input{in}, o)
	require.NoError(t, err)
	require.Equal(t, result, again)

	names := map[crontopus.JobName]bool{}
	for _, job := range result.Jobs {
		documents, problems := manifests.Decode("one.yaml", []byte(job.Manifest))
		require.Empty(t, problems, job.Manifest)
		require.Len(t, documents, 1)
		require.False(t, names[job.Name], "%s is there twice", job.Name)
		names[job.Name] = true
	}
	for _, p := range result.Problems {
		require.NotEmpty(t, p.Message)
		require.Equal(t, in.Name, p.File)
		require.True(t, utf8.ValidString(p.Message+p.Hint))
		require.LessOrEqual(t, p.Line, 1+strings.Count(string(in.Data), "\n"))
	}
	return result
}

// seeds adds the cases of a format.
func seeds(f *testing.F, format string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", format, "*"))
	require.NoError(f, err)
	deeper, err := filepath.Glob(filepath.Join("testdata", format, "*", "*"))
	require.NoError(f, err)
	for _, file := range append(files, deeper...) {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && filepath.Ext(file) != ".want" {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(data)
		}
	}
}

// lost returns the lines of a crontab that nothing that came out of it speaks of.
func lost(in importer.Input, result *importer.Result) (lines []string) {
	told := map[int]bool{}
	for _, p := range result.Problems {
		told[p.Line] = true
	}
	for _, job := range result.Jobs {
		for line := range strings.Lines(job.Manifest) {
			var n int
			if _, err := fmt.Sscanf(line, "# %d:", &n); err == nil {
				told[n] = true
			}
		}
	}
	ours := false
	for i, line := range strings.Split(string(in.Data), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		ours = ours && line != "# END crontopus" || line == "# BEGIN crontopus"
		if line != "" && !strings.HasPrefix(line, "#") && !ours && !told[i+1] {
			lines = append(lines, line)
		}
	}
	return lines
}

// FuzzCrontab: whatever the text, no line of it is lost silently.
func FuzzCrontab(f *testing.F) {
	for _, format := range []string{importer.Crontab, importer.CronD} {
		files, err := filepath.Glob(filepath.Join("testdata", format, "*"))
		require.NoError(f, err)
		for _, file := range files {
			if filepath.Ext(file) != ".want" {
				data, err := os.ReadFile(file)
				require.NoError(f, err)
				f.Add(data, format == importer.CronD, true)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, users, commentedOut bool) {
		o := quick()
		o.CommentedOut = commentedOut
		in := importer.Input{Name: "fuzz", Data: data, Users: users}
		result := imported(t, importer.Crontab, in, o)
		require.Empty(t, lost(in, result), "%q", data)
	})
}

// FuzzUnit: a timer is kept with all of its lines, or it is told why not.
func FuzzUnit(f *testing.F) {
	seeds(f, importer.Systemd)
	f.Fuzz(func(t *testing.T, data []byte) {
		service := importer.Input{Name: "x.service", Data: []byte("[Service]\nExecStart=/bin/x\n")}
		for _, inputs := range [][]importer.Input{
			{{Name: "x.timer", Data: data}, service},
			{{Name: "x.timer", Data: []byte("[Timer]\nOnCalendar=daily\n")}, {Name: "x.service", Data: data}},
		} {
			result, err := importer.Import(importer.Systemd, inputs, quick())
			require.NoError(t, err)
			require.NotZero(t, len(result.Jobs)+len(result.Problems))
			for _, job := range result.Jobs {
				_, problems := manifests.Decode("one.yaml", []byte(job.Manifest))
				require.Empty(t, problems)
			}
		}
	})
}

// FuzzTasks: what is in the XML is kept or told.
func FuzzTasks(f *testing.F) {
	seeds(f, importer.TaskScheduler)
	f.Fuzz(func(t *testing.T, data []byte) {
		result := imported(t, importer.TaskScheduler, importer.Input{Name: "fuzz", Data: data}, quick())
		require.GreaterOrEqual(t, len(result.Jobs)+len(result.Problems), 1)
	})
}

// FuzzChecks: a check is kept or told.
func FuzzChecks(f *testing.F) {
	seeds(f, importer.Healthchecks)
	f.Fuzz(func(t *testing.T, data []byte) {
		result := imported(t, importer.Healthchecks, importer.Input{Name: "fuzz", Data: data}, quick())
		require.GreaterOrEqual(t, len(result.Jobs)+len(result.Problems), 1)
	})
}

// FuzzCronJobs: each document is kept or told.
func FuzzCronJobs(f *testing.F) {
	seeds(f, importer.Kubernetes)
	f.Add([]byte(`{"kind": "CronJobList", "items": [{"metadata": {"name": "x"}, "spec": {"schedule": "5/15 * * * *"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		result := imported(t, importer.Kubernetes, importer.Input{Name: "fuzz", Data: data}, quick())
		require.NotZero(t, len(result.Jobs)+len(result.Problems))
	})
}
