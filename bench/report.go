package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is what a run found.
type report struct {
	machine  []fact
	sections []section
}

// section is a case with its figures, or why it has none.
type section struct {
	Case
	figures []Figure
	err     error
}

// tell writes what was found while the run goes on.
func (s section) tell(w io.Writer) {
	for _, f := range s.figures {
		fmt.Fprintf(w, "bench:   %s\n", f)
	}
	if s.err != nil {
		fmt.Fprintf(w, "bench:   FAILED: %s\n", s.err)
	}
}

// fact is something about the machine or a version.
type fact struct{ name, value string }

// missed counts the reaches that were set and not met.
func (r *report) missed() (missed, set int) {
	for _, s := range r.sections {
		for _, f := range s.figures {
			if f.Reach.bound != "" {
				set++
			}
			if !f.Met() {
				missed++
			}
		}
	}
	return missed, set
}

// failure is nil, or an errFailed that says which cases could not be measured and why.
func (r *report) failure() error {
	var failed []error
	for _, s := range r.sections {
		if s.err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.Name, s.err))
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("%d of %d %w:\n%w", len(failed), len(r.sections), errFailed, errors.Join(failed...))
}

// print writes a table for a terminal.
func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CASE\tFIGURE\tPRODUCT\tFLOOR\tUNIT\tRATIO\tREACH\t")
	for _, s := range r.sections {
		for _, f := range s.figures {
			c := f.cells()
			fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, strings.Join(c[:6], "\t"), c[6])
		}
		if s.err != nil {
			fmt.Fprintf(t, "%s\tFAILED\t\t\t\t\t\n", s.Name)
		}
	}
	_ = t.Flush() // to a person's terminal
	missed, set := r.missed()
	fmt.Fprintf(w, "%d of %d reaches met\n", set-missed, set)
}

// cells are a figure's columns: name, product, floor, unit, ratio, reach, verdict.
func (f Figure) cells() []string {
	floor, ratio := "", ""
	if f.Floor != 0 {
		floor, ratio = number(f.Floor), fmt.Sprintf("%.2f", f.Ratio())
	}
	return []string{f.Name, number(f.Product), floor, f.Unit, ratio, f.Reach.String(), f.verdict()}
}

// markdown is the whole report as a page.
func (r *report) markdown() string {
	var b strings.Builder
	missed, set := r.missed()
	fmt.Fprintf(&b, "# Results of `make bench`\n\nWritten by `make bench`: medians of rounds in which product and floor took turns. %d of %d reaches met.\n"+
		"What is measured, and why, is in [docs/performance.md](../docs/performance.md).\n\n| machine and versions | |\n|---|---|\n", set-missed, set)
	for _, f := range r.machine {
		fmt.Fprintf(&b, "| %s | %s |\n", f.name, f.value)
	}
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", s.Name, s.What)
		if s.err != nil {
			fmt.Fprintf(&b, "FAILED, nothing was measured:\n\n```\n%s\n```\n", s.err)
			continue
		}
		fmt.Fprint(&b, "| figure | product | floor | unit | ratio | reach | |\n|---|---|---|---|---|---|---|\n")
		for _, f := range s.figures {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(f.cells(), " | "))
		}
	}
	return b.String()
}
