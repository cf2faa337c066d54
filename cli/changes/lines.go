package changes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"crontopus.dev/crontopus/internal/safetext"
	"crontopus.dev/crontopus/manifests/diff"
	"crontopus.dev/crontopus/schedule"
)

// line is one line of what is told of a change: '-' goes, '+' comes, '!' is risky, ' ' is
// neither.
type line struct {
	sign byte
	text string
}

func (l line) String() string { return strings.TrimRight(string(l.sign)+" "+l.text, " ") }

// ofJob tells a change of a job: its fields, when it runs, and what is risky.
func ofJob(c *diff.Change) []line {
	lines := ofFields(c)
	lines = append(lines, ofRuns(c)...)
	return append(lines, ofRisks(c)...)
}

// told are the fields that are told of a job that comes or goes whole.
var told = []string{
	"/spec/schedule", "/spec/timezone", "/spec/target", "/spec/suspend",
	"/spec/run/command", "/spec/run/script", "/spec/run/user",
}

func ofFields(c *diff.Change) (lines []line) {
	for _, f := range c.Fields {
		if c.Kind != diff.Changed && !slices.ContainsFunc(told, func(p string) bool { return f.Path == p || strings.HasPrefix(f.Path, p+"/") }) {
			continue
		}
		lines = append(lines, ofField(f)...)
	}
	return lines
}

func ofField(f diff.Field) []line {
	name := dotted(f.Path)
	before, after := textOf(f.Before), textOf(f.After)
	if strings.Contains(before, "\n") || strings.Contains(after, "\n") {
		return append([]line{{' ', name + ":"}}, ofText(before, after)...)
	}
	var lines []line
	if f.Before != nil {
		lines = append(lines, line{'-', name + ": " + valueOf(f.Before)})
	}
	if f.After != nil {
		lines = append(lines, line{'+', name + ": " + valueOf(f.After)})
	}
	return lines
}

// textOf is a value that is a string, "" for any other.
func textOf(value json.RawMessage) string {
	var s string
	_ = json.Unmarshal(value, &s) // what is no string stays ""
	return s
}

// valueOf is a value as JSON in one line, without the escapes that only HTML needs.
func valueOf(value json.RawMessage) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if d.Decode(&v) != nil || e.Encode(v) != nil {
		return visible(string(value))
	}
	return visible(strings.TrimSuffix(out.String(), "\n"))
}

// dotted is a JSON pointer as people write a field: spec.run.environment.TARGET. A key that
// is no word is quoted.
func dotted(pointer string) string {
	var b strings.Builder
	for _, part := range strings.Split(pointer, "/")[1:] {
		key := unescapeKey.Replace(part)
		switch {
		case !isWord(key):
			fmt.Fprintf(&b, "[%s]", visible(fmt.Sprintf("%q", key)))
		case b.Len() > 0:
			b.WriteString("." + key)
		default:
			b.WriteString(key)
		}
	}
	return b.String()
}

var unescapeKey = strings.NewReplacer("~1", "/", "~0", "~")

func isWord(s string) bool {
	return s != "" && len(s) <= widest && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
	})
}

// ofRuns tells the next runs, those of before beside those of after.
func ofRuns(c *diff.Change) []line {
	if c.SameTimes() {
		return nil
	}
	was, is := columnOf("before", c.RunsBefore), columnOf("after", c.RunsAfter)
	switch {
	case was == nil:
		return column("next runs", c.RunsAfter, is)
	case is == nil:
		return column("runs that will not be", c.RunsBefore, was)
	}
	width := 0
	for _, cell := range was {
		width = max(width, utf8.RuneCountInString(cell))
	}
	lines := []line{{' ', "next runs:"}}
	for i := range max(len(was), len(is)) {
		left, right := "", ""
		if i < len(was) {
			left = was[i]
		}
		if i < len(is) {
			right = is[i]
		}
		lines = append(lines, line{' ', "  " + left + strings.Repeat(" ", width-utf8.RuneCountInString(left)+2) + right})
	}
	return lines
}

func column(head string, r *diff.Runs, cells []string) []line {
	lines := []line{{' ', fmt.Sprintf("%s (%s):", head, visible(r.Timezone))}}
	for _, cell := range cells[1:] {
		lines = append(lines, line{' ', "  " + cell})
	}
	return lines
}

// columnOf is a head and a cell for each run; nil where there is no job.
func columnOf(head string, r *diff.Runs) []string {
	if r == nil {
		return nil
	}
	return append([]string{fmt.Sprintf("%s (%s)", head, visible(r.Timezone))}, cellsOf(r)...)
}

func cellsOf(r *diff.Runs) []string {
	var cells []string
	for _, at := range r.Next {
		cells = append(cells, at.Format("Mon 2006-01-02 15:04 -0700"))
	}
	if r.Reboot {
		cells = append(cells, "when the host starts")
	}
	switch {
	case r.Suspended:
		cells = append(cells, "suspended")
	case len(cells) == 0:
		cells = append(cells, "none")
	}
	return cells
}

// hazardsShown is how many changes of the clock are told in words.
const hazardsShown = 3

func ofRisks(c *diff.Change) (lines []line) {
	if c.Owner != "" {
		lines = append(lines, line{'!', "the source " + visible(c.Owner) + " has a job of this name: this one will be refused"})
	}
	for i, h := range c.Hazards {
		if i == hazardsShown {
			lines = append(lines, line{'!', fmt.Sprintf("… and %s within two years", count(len(c.Hazards)-i, "more such run"))})
			break
		}
		lines = append(lines, line{'!', hazard(h)})
	}
	return lines
}

func hazard(h schedule.Hazard) string {
	local := strings.Replace(h.Local, "T", " ", 1)
	at := h.At.Format("15:04 -0700")
	switch h.Kind {
	case schedule.HazardMoved:
		return fmt.Sprintf("%s does not come, for the clock is changed: it runs at %s instead", local, at)
	case schedule.HazardLost:
		return fmt.Sprintf("%s does not come, for the clock is changed: that run is lost", local)
	case schedule.HazardOnce:
		return fmt.Sprintf("%s comes twice, for the clock is changed: it runs the first time, at %s", local, at)
	}
	return fmt.Sprintf("%s comes twice, for the clock is changed: it runs both times", local)
}

// ofHost tells what a host's scheduler will hold.
func ofHost(h *diff.Host) (lines []line) {
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.SameLines() {
			for _, text := range e.After {
				lines = append(lines, line{' ', cut(safetext.Line(text), widestLine)})
			}
			continue
		}
		for _, text := range e.Before {
			lines = append(lines, line{'-', cut(safetext.Line(text), widestLine)})
		}
		for _, text := range e.After {
			lines = append(lines, line{'+', cut(safetext.Line(text), widestLine)})
		}
	}
	return lines
}

// titleOf names a host, or those to which the same happens.
func titleOf(h *diff.Host) (names, about string) {
	names = visible(h.Target)
	if len(h.Agents) > 0 {
		names = few(h.Agents)
	}
	zone := h.Timezone
	if zone == "" {
		zone = "in the job's own time zone"
	}
	return names, visible(h.Scheduler) + ", " + visible(zone)
}

// stamp is a place in a file.
func stamp(c *diff.Change) string { return fmt.Sprintf("%s:%d", visible(c.File), c.Line) }
