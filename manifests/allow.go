package manifests

import (
	"slices"
	"strings"
)

// allowMark begins a comment that says that an odd thing is meant: the names of the rules
// follow, separated by commas.
const allowMark = "# crontopus: allow "

// allowance is one such comment. It holds for its own line and the next one; above the
// document's first field it holds for the document.
type allowance struct {
	line  int // 0: the whole document
	rules []string
}

// Allows reports whether a comment in the manifest permits what a rule finds at a line.
func (d *Document) Allows(rule string, line int) bool {
	return slices.ContainsFunc(d.allowed, func(a allowance) bool {
		near := a.line == 0 || line == a.line || line == a.line+1
		return near && slices.Contains(a.rules, rule)
	})
}

// allowances finds the comments of a document. Text of a script that looks like one is
// taken for one; it can only quieten.
func (d *document) allowances() (found []allowance) {
	if !strings.Contains(d.text, allowMark) {
		return nil
	}
	begun := false
	for i, line := range strings.Split(d.text, "\n") {
		text := strings.TrimSpace(line)
		begun = begun || text != "" && text != "---" && !strings.HasPrefix(text, "#")
		_, rules, marked := strings.Cut(line, allowMark)
		if !marked {
			continue
		}
		a := allowance{rules: strings.FieldsFunc(rules, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\r' })}
		if begun {
			a.line = d.line + i + 1
		}
		found = append(found, a)
	}
	return found
}
