// Package changes writes what a change of the manifests means, in the forms that people and
// their tools read: a terminal, a comment on a pull request, programs. What manifests say is
// a stranger's: no form lets it steer a terminal, leave its place in Markdown, or make the
// text endless.
//
// It imports the root, manifests/diff and schedule.
package changes

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"crontopus.dev/crontopus/manifests/diff"
)

// Forms that a report can be written in.
const (
	Text     = "text"     // for people
	Markdown = "markdown" // for a comment on a pull request
	JSON     = "json"     // for programs; whole
)

// Formats lists the forms, the default first.
func Formats() []string { return []string{Text, Markdown, JSON} }

// Write writes the report in a form of Formats; color paints the text for a terminal.
func Write(w io.Writer, r *diff.Report, format string, color bool) error {
	switch format {
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	case Markdown:
		_, err := io.WriteString(w, markdown(r))
		return err
	}
	_, err := io.WriteString(w, text(r, color))
	return err
}

// headline says how many jobs are how, and what of alerting.
func headline(r *diff.Report) string {
	j := r.Summary.Jobs
	if !r.Different() {
		return fmt.Sprintf("no difference; %s", count(j.Unchanged, "job"))
	}
	said := fmt.Sprintf("%s; %d as before", cmp.Or(tally("job", j.Removed, j.Changed, j.Added), "no job changes"), j.Unchanged)
	if alerting := alertingTally(r); alerting != "" {
		said += "; alerting: " + alerting
	}
	return said
}

// tally counts what goes, changes and comes, the first with its noun, if it has one.
func tally(noun string, removed, changed, added int) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{removed, "removed"}, {changed, "changed"}, {added, "added"}} {
		switch {
		case p.n == 0:
		case len(parts) == 0 && noun != "":
			parts = append(parts, count(p.n, noun)+" "+p.what)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// reach says how far the change reaches, "" where nobody knows.
func reach(r *diff.Report) string {
	s := r.Summary
	if !s.HostsKnown || len(r.Changes) == 0 {
		return ""
	}
	return fmt.Sprintf("reaches %d of %s: %s removed, %d changed, %d added",
		s.Hosts, count(s.HostsOf, "host"), count(s.Entries.Removed, "entry"), s.Entries.Changed, s.Entries.Added)
}

// guard says what the removal guard will do, "" where there is nothing for it.
func guard(r *diff.Report) (text string, holds bool) {
	g := r.Guard
	switch {
	case g.Verdict == diff.GuardHolds && r.Summary.HostsKnown:
		return fmt.Sprintf("the removal guard will hold this until a person approves: %d of %s would go", g.Removed, count(g.Of, "entry")), true
	case g.Verdict == diff.GuardHolds:
		return "the removal guard will hold this until a person approves: no job would be left", true
	case g.Verdict == diff.GuardUnknown:
		return "whether the removal guard will hold this depends on the hosts, which are not known here", false
	case g.Removed > 0:
		return fmt.Sprintf("the removal guard lets this pass: %d of %s would go", g.Removed, count(g.Of, "entry")), false
	}
	return "", false
}

// collided tells the minutes in which too much will start.
func collided(r *diff.Report) (lines []line) {
	for _, c := range r.Collisions {
		lines = append(lines, line{'!', fmt.Sprintf("%g jobs start on %s in the minute of %s: %s",
			c.Starts, visible(c.Target), c.At.Format("Mon 2006-01-02 15:04 -0700"), few(c.Jobs))})
	}
	if more := r.CollisionCount - len(r.Collisions); more > 0 {
		lines = append(lines, line{'!', fmt.Sprintf("… and in %s more", count(more, "such minute"))})
	}
	return lines
}

func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
