package findings_test

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"net/url"
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
		About: func(code string) string { return map[string]string{"no-timeout": "a job that may run forever"}[code] },
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

func TestNoFormForALogSteersATerminal(t *testing.T) {
	t.Parallel()
	steering := "\x1b[2J\x07\u202e\u009b"
	r := findings.Report{Files: []string{steering}, Lines: func(string) []string { return []string{steering} }, Problems: []crontopus.Problem{
		{File: steering, Line: 1, Column: 1, Code: "invalid", Message: steering, Hint: steering},
	}}
	for _, format := range []string{findings.Text, findings.GitHub, findings.Forgejo} {
		var out strings.Builder
		require.NoError(t, r.Write(&out, format))
		for _, c := range steering {
			require.NotContains(t, strings.ReplaceAll(out.String(), "[2J", ""), string(c), format)
		}
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
	r := &findings.Report{Files: []string{"a"}, Alerting: map[string]int{crontopus.KindNotificationChannel: 1}}
	require.Equal(t, "1 channel in 1 file: all is well (0s)", r.Summary())
	r = &findings.Report{Files: []string{"a"}, Jobs: 3, Alerting: map[string]int{
		crontopus.KindAlertPolicy: 1, crontopus.KindNotificationChannel: 2, crontopus.KindMaintenanceWindow: 1}}
	require.Equal(t, "3 jobs, 1 policy, 2 channels, 1 window in 1 file: all is well (0s)", r.Summary())
}

// TestSARIFIsWhatTheStandardSays reads the log as a consumer that goes by SARIF 2.1.0 would.
func TestSARIFIsWhatTheStandardSays(t *testing.T) {
	t.Parallel()
	r := mixed()
	r.Problems = append(r.Problems, crontopus.Problem{File: "/abs/a b.yaml", Line: 1, Column: 1, Code: "invalid", Message: "write {a: [b](https://example.com)}"})
	var out strings.Builder
	require.NoError(t, r.Write(&out, findings.SARIF))
	type message struct{ Text string }
	var log struct {
		Version string
		Runs    []struct {
			ColumnKind string
			Tool       struct {
				Driver struct {
					Name, InformationURI string
					Rules                []struct {
						ID               string
						ShortDescription message
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   message
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           *struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out.String()), &log))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	run := log.Runs[0]
	require.Equal(t, "unicodeCodePoints", run.ColumnKind)
	require.Len(t, run.Results, len(r.Problems))
	for i, result := range run.Results {
		p := r.Problems[i]
		rule := run.Tool.Driver.Rules[result.RuleIndex]
		require.Equal(t, result.RuleID, rule.ID)
		require.Equal(t, p.Code, rule.ID)
		require.NotEmpty(t, rule.ShortDescription.Text)
		require.Contains(t, []string{"error", "warning", "note"}, result.Level)
		require.NotEmpty(t, result.Message.Text)
		require.Len(t, result.Locations, 1)
		at := result.Locations[0].PhysicalLocation
		parsed, err := url.Parse(at.ArtifactLocation.URI)
		require.NoError(t, err)
		require.Equal(t, p.File, strings.TrimPrefix(parsed.Path, "./"))
		require.Equal(t, strings.HasPrefix(p.File, "/"), parsed.IsAbs(), "what is no relative reference has a scheme")
		require.Equal(t, p.Line > 0, at.Region != nil, "a region begins at 1")
	}
	require.Equal(t, `write {{a: [b\](https://example.com)}}`, run.Results[len(run.Results)-1].Message.Text, "no placeholder and no link")
	require.Equal(t, "a job that may run forever", run.Tool.Driver.Rules[2].ShortDescription.Text)
}

// TestJUnitIsWhatReadersAskFor reads the report as Jenkins and GitLab do: counts that agree,
// a name and a time for each case, one result for each.
func TestJUnitIsWhatReadersAskFor(t *testing.T) {
	t.Parallel()
	r := mixed()
	r.Files = append(r.Files, "odd\x01\x1b.yaml")
	r.Problems = append(r.Problems, crontopus.Problem{File: "odd\x01\x1b.yaml", Code: "x", Message: "has \x00 and ]]> and \xff"})
	var out strings.Builder
	require.NoError(t, r.Write(&out, findings.JUnit))
	type suite struct {
		Name     string   `xml:"name,attr"`
		Tests    *int     `xml:"tests,attr"`
		Failures *int     `xml:"failures,attr"`
		Errors   *int     `xml:"errors,attr"`
		Time     *float64 `xml:"time,attr"`
		Cases    []struct {
			Name     string   `xml:"name,attr"`
			Class    string   `xml:"classname,attr"`
			Time     *float64 `xml:"time,attr"`
			File     string   `xml:"file,attr"`
			Failures []struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	var all struct {
		suite
		Suites []suite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(out.String()), &all))
	require.Len(t, all.Suites, 1)
	failed := 0
	for _, c := range all.Suites[0].Cases {
		require.NotEmpty(t, c.Name)
		require.NotEmpty(t, c.Class)
		require.NotEmpty(t, c.File)
		require.NotNil(t, c.Time)
		require.LessOrEqual(t, len(c.Failures), 1)
		failed += len(c.Failures)
	}
	for _, s := range []suite{all.suite, all.Suites[0]} {
		require.NotEmpty(t, s.Name)
		require.Equal(t, len(all.Suites[0].Cases), *s.Tests)
		require.Equal(t, failed, *s.Failures)
		require.Zero(t, *s.Errors)
		require.InDelta(t, 1.235, *s.Time, 0.001)
	}
	require.Equal(t, 4, failed)
}
