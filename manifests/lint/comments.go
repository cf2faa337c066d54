package lint

import (
	"fmt"
	"slices"

	"crontopus.dev/crontopus/internal/suggest"
	"crontopus.dev/crontopus/manifests"
)

// unknownRules finds comments that allow what is no rule, and tells the first name of each
// line.
func unknownRules(docs []manifests.Document, names []string) (found []finding) {
	type place struct {
		file string
		line int
	}
	told := map[place]bool{} // what stands above several documents is told once
	for i := range docs {
		for _, a := range docs[i].Allowed() {
			at := place{docs[i].Path, a.Line}
			if told[at] || slices.Contains(names, a.Rule) {
				continue
			}
			told[at] = true
			hint := "write names of rules, separated by commas; docs/lint-rules.md lists them"
			if meant := suggest.Nearest(a.Rule, names); meant != "" {
				hint = fmt.Sprintf("did you mean %s?", meant)
			}
			found = append(found, finding{doc: &docs[i], message: fmt.Sprintf("there is no lint rule %.60q", a.Rule), hint: hint, line: a.Line, column: a.Column})
		}
	}
	return found
}
