package manifests

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// allowMark begins a comment that says that an odd thing is meant: the names of the rules
// follow, separated by commas.
const allowMark = "# crontopus: allow "

// allowance is one rule that such a comment names. It holds for its own line and the next
// one; above the document's first field it holds for the document, and in comments before the
// first "---" for all documents of the file.
type allowance struct {
	Allowed
	whole bool // the document
}

// Allowed is a rule that a comment names, and where it does.
type Allowed struct {
	Rule         string
	Line, Column int
}

// Allows reports whether a comment in the manifest, or in the Defaults that a value comes
// from, permits what a rule finds at a place.
func (d *Document) Allows(rule string, at Place) bool {
	if slices.ContainsFunc(d.allowed, func(a allowance) bool { return a.permits(rule, at.Line, at.File == d.Path) }) {
		return true
	}
	for _, given := range d.Defaults() {
		if given.Path == at.File && slices.ContainsFunc(given.allowed, func(a allowance) bool { return a.permits(rule, at.Line, true) }) {
			return true
		}
	}
	return false
}

// permits reports whether a comment is about a rule, and stands where it counts for a line.
func (a allowance) permits(rule string, line int, sameFile bool) bool {
	near := a.whole || sameFile && (line == a.Line || line == a.Line+1)
	return near && a.Rule == rule
}

// Allowed lists the rules that comments in the manifest name.
func (d *Document) Allowed() []Allowed {
	var all []Allowed
	for _, a := range d.allowed {
		all = append(all, a.Allowed)
	}
	return all
}

// allowances finds the comments of a document. Text of a script that looks like one is
// taken for one; it can only quieten.
func (p *piece) allowances() (found []allowance) {
	if !strings.Contains(p.text, allowMark) {
		return nil
	}
	begun := false
	for i, line := range strings.Split(p.text, "\n") {
		text := strings.TrimSpace(line)
		begun = begun || text != "" && !isMarker(text, "---") && !strings.HasPrefix(text, "#")
		before, rules, marked := strings.Cut(line, allowMark)
		if !marked {
			continue
		}
		column := utf8.RuneCountInString(before+allowMark) + 1
		for rules != "" {
			rest := strings.TrimLeft(rules, betweenRules)
			column += len(rules) - len(rest)
			end := strings.IndexAny(rest, betweenRules)
			if end < 0 {
				end = len(rest)
			}
			if end > 0 {
				found = append(found, allowance{Allowed{rest[:end], p.line + i + 1, column}, !begun})
			}
			column += utf8.RuneCountInString(rest[:end])
			rules = rest[end:]
		}
	}
	return found
}

const betweenRules = ", \t"

// onlyComments reports a piece that says nothing to YAML.
func (p *piece) onlyComments() bool {
	for line := range strings.Lines(p.text) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "#") {
			return false
		}
	}
	return true
}
