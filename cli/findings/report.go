// Package findings writes what a check of manifests found, in the forms that people and
// their tools read: a terminal, programs, CI's annotations, code scanning, test reports.
// Every form says the same problems in the same order.
//
// It imports the root and internal/safetext.
package findings

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// Forms that a report can be written in.
const (
	Text    = "text"    // each problem with its line, for people
	JSON    = "json"    // one object, for programs
	GitHub  = "github"  // workflow commands, which GitHub shows beside the lines
	Forgejo = "forgejo" // the same, with the place in the text: Forgejo shows the log only
	SARIF   = "sarif"   // SARIF 2.1.0, for code scanning
	JUnit   = "junit"   // JUnit XML, a case for each file, for test reports
)

// Formats lists the forms, the default first.
func Formats() []string { return []string{Text, JSON, GitHub, Forgejo, SARIF, JUnit} }

// Report is what a check found.
type Report struct {
	Version  string // of this program
	Files    []string
	Jobs     int
	Alerting map[string]int // manifests of each of its kinds
	Took     time.Duration
	Problems []crontopus.Problem

	// Lines returns the lines of a file, and nil if it is not at hand any more.
	Lines func(file string) []string
	// Help returns the page about a problem's code, and "" where there is none.
	Help func(code string) string
	// About says in a line what a code finds, and "" where the code says it.
	About func(code string) string
	// Color paints the text for a terminal.
	Color bool
}

// Errors counts the problems that make the manifests invalid.
func (r *Report) Errors() int {
	n := 0
	for _, p := range r.Problems {
		if p.Level() == crontopus.SeverityError {
			n++
		}
	}
	return n
}

// Write writes the report in a form of Formats.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case JSON:
		return r.json(w)
	case GitHub:
		return r.annotations(w, false)
	case Forgejo:
		return r.annotations(w, true)
	case SARIF:
		return r.sarif(w)
	case JUnit:
		return r.junit(w)
	}
	return r.text(w)
}

// Summary says in a line what was looked at, and how it is.
func (r *Report) Summary() string {
	errors := r.Errors()
	hints := len(r.Problems) - errors
	looked := fmt.Sprintf("%s in %s", r.manifests(), count(len(r.Files), "file"))
	var found string
	switch {
	case len(r.Files) == 0 && len(r.Problems) == 0:
		return "nothing to check: there is no *.yaml or *.yml here"
	case errors > 0 && hints > 0:
		looked, found = count(len(r.Files), "file"), fmt.Sprintf("%s and %s", count(errors, "problem"), count(hints, "warning"))
	case errors > 0:
		looked, found = count(len(r.Files), "file"), count(errors, "problem")
	case hints > 0:
		found = "valid, with " + count(hints, "warning")
	default:
		return fmt.Sprintf("%s: all is well (%s)", looked, r.took())
	}
	if errors > 0 {
		return fmt.Sprintf("%s in %s (%s)", found, looked, r.took())
	}
	return fmt.Sprintf("%s: %s (%s)", looked, found, r.took())
}

// manifests counts what is in the files, by kind.
func (r *Report) manifests() string {
	var parts []string
	if r.Jobs > 0 || len(r.Alerting) == 0 {
		parts = append(parts, count(r.Jobs, "job"))
	}
	for _, of := range []struct{ kind, one, more string }{
		{crontopus.KindAlertPolicy, "policy", "policies"},
		{crontopus.KindNotificationChannel, "channel", "channels"},
		{crontopus.KindMaintenanceWindow, "window", "windows"},
	} {
		switch n := r.Alerting[of.kind]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+of.one)
		default:
			parts = append(parts, fmt.Sprint(n, " ", of.more))
		}
	}
	return strings.Join(parts, ", ")
}

func (r *Report) took() time.Duration {
	if r.Took < time.Second {
		return r.Took.Round(time.Millisecond)
	}
	return r.Took.Round(10 * time.Millisecond)
}

// document is the JSON form.
type document struct {
	Files    int                 `json:"files"`
	Jobs     int                 `json:"jobs"`
	Problems []crontopus.Problem `json:"problems"`
}

func (r *Report) json(w io.Writer) error {
	d := document{Files: len(r.Files), Jobs: r.Jobs, Problems: make([]crontopus.Problem, len(r.Problems))}
	for i, p := range r.Problems {
		p.Severity = p.Level()
		d.Problems[i] = p
	}
	return encode(w, d)
}

func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
