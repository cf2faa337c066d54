package findings_test

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mixed has a problem of every severity, one without a place, one with what each form
// must escape, and one far out on a long line.
func mixed() *findings.Report {
	files := map[string][]string{
		"jobs/a.yaml":   {"kind: Job", "\tname: \x1b[31mred", strings.Repeat("x", 200) + "here"},
		"jobs/a,b:c d%": {"one line"},
	}
	return &findings.Report{
		Version: "1.2.3", Files: []string{"jobs/a.yaml", "jobs/a,b:c d%", "jobs/good.yaml"}, Jobs: 2, Took: 1234567 * time.Microsecond,
		Problems: []crontopus.Problem{
			{File: "jobs/a,b:c d%", Line: 1, Column: 1, Path: "/kind", Code: "unknown_kind", Message: "50% of it,\nis <wrong> & \"odd\"", Hint: "write: kind"},
			{File: "jobs/a.yaml", Line: 2, Column: 2, Path: "/metadata/name", Code: "invalid", Message: "is not a name"},
			{File: "jobs/a.yaml", Line: 3, Column: 201, Path: "/spec", Code: "no-timeout", Message: "may run forever", Hint: "set timeout", Severity: crontopus.SeverityWarning},
			{File: "jobs/a.yaml", Line: 99, Column: 1, Code: "dst", Message: "the file has changed since", Severity: crontopus.SeverityNotice},
			{File: "jobs/gone.yaml", Code: "unreadable", Message: "the file cannot be read"},
		},
		Lines: func(file string) []string { return files[file] },
		Help:  func(code string) string { return "https://crontopus.dev/docs/lint-rules#" + code },
	}
}

func TestEveryFormSaysTheSame(t *testing.T) {
	t.Parallel()
	for _, format := range findings.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			require.NoError(t, mixed().Write(&out, format))
			golden := filepath.Join("testdata", format+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), out.String())
		})
	}
}

func TestAMessageCannotBecomeACommandOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, format := range []string{findings.GitHub, findings.Forgejo} {
		r := &findings.Report{Problems: []crontopus.Problem{{
			File: "a.yaml\n::set-env name=PATH::/tmp", Code: "x,y", Message: "bad\r\n::add-mask::secret", Hint: "\n::stop-commands::x",
		}}}
		var out strings.Builder
		require.NoError(t, r.Write(&out, format))
		require.Equal(t, 1, strings.Count(out.String(), "\n"), "one line: %q", out.String())
		require.NotContains(t, out.String(), "\r")
	}
}

func TestTextForATerminalIsPainted(t *testing.T) {
	t.Parallel()
	r := mixed()
	r.Color = true
	var out strings.Builder
	require.NoError(t, r.Write(&out, findings.Text))
	require.Contains(t, out.String(), "\x1b[1;31mis not a name\x1b[0m")
	require.Contains(t, out.String(), "\x1b[1;32m^\x1b[0m")
	require.NotContains(t, out.String(), "\x1b[31mred", "what the file says steers no terminal")
}

func TestFormsForProgramsParse(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*findings.Report{"mixed": mixed(), "nothing": {Files: []string{"a.yaml"}}} {
		for _, format := range []string{findings.JSON, findings.SARIF} {
			var out strings.Builder
			require.NoError(t, r.Write(&out, format))
			require.True(t, json.Valid([]byte(out.String())), name)
			require.NotContains(t, out.String(), "null", "%s: lists are lists even when they are empty", name)
		}
		var out strings.Builder
		require.NoError(t, r.Write(&out, findings.JUnit))
		require.NoError(t, xml.Unmarshal([]byte(out.String()), new(struct{ XMLName xml.Name })), name)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	problem := crontopus.Problem{File: "a", Code: "x", Message: "m"}
	warning := crontopus.Problem{File: "a", Code: "x", Message: "m", Severity: crontopus.SeverityWarning}
	for _, c := range []struct {
		want     string
		files    int
		jobs     int
		problems []crontopus.Problem
	}{
		{"nothing to check: there is no *.yaml or *.yml here", 0, 0, nil},
		{"1 problem in 0 files (5ms)", 0, 0, []crontopus.Problem{problem}},
		{"2 jobs in 1 file: all is well (5ms)", 1, 2, nil},
		{"1 problem in 2 files (5ms)", 2, 1, []crontopus.Problem{problem}},
		{"1 problem and 2 warnings in 2 files (5ms)", 2, 1, []crontopus.Problem{problem, warning, warning}},
		{"1 job in 2 files: valid, with 1 warning (5ms)", 2, 1, []crontopus.Problem{warning}},
	} {
		r := &findings.Report{Files: make([]string, c.files), Jobs: c.jobs, Problems: c.problems, Took: 5 * time.Millisecond}
		require.Equal(t, c.want, r.Summary())
	}
}
