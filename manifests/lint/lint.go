// Package lint finds what is valid in a manifest and will hardly do what was meant. Each
// finding is a warning or notice under its rule's name, and a comment
// "# crontopus: allow RULE" in the manifest says that it is meant.
//
// It imports manifests, schedule and schema, and is used by the commands that engineers run; what
// a source brings into effect is never lint's to decide.
package lint

import (
	"fmt"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// Rule is one thing that is looked for.
type Rule struct {
	Name     string
	Severity string
	Summary  string // what it finds, in a line
	Why      string // what goes wrong, and what to do instead; Markdown
	Example  string // of a spec that it warns of; YAML

	manifest func(*manifest)                      // looks at one manifest
	fleet    func([]manifests.Document) []finding // looks at all of them
	folder   func(*manifests.Tree) []finding      // looks at all that a repository has
	hosts    func([]manifests.Document, []crontopus.Agent) []finding
	comments func(docs []manifests.Document, names []string) []finding // looks at what comments allow; names are all rules'
	alone    bool                                                      // needs no more of a manifest than its schedule
}

func names() (list []string) {
	for i := range rules {
		list = append(list, rules[i].Name)
	}
	return list
}

// Page returns the address of a rule's documentation, and "" where there is no such rule.
func Page(name string) string {
	if slices.Contains(names(), name) {
		return "https://crontopus.dev/docs/lint-rules#" + name
	}
	return ""
}

// Summary says in a line what a rule finds, and nothing where there is no such rule.
func Summary(name string) string {
	if i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == name }); i >= 0 {
		return rules[i].Summary
	}
	return ""
}

// manifest is one that is being looked at.
type manifest struct {
	doc   *manifests.Document
	job   *crontopus.Job
	at    func(pointer string) manifests.Place
	rule  *Rule
	found []crontopus.Problem
}

// warn adds a finding at a field, unless a comment there allows it.
func (m *manifest) warn(pointer, hint, format string, args ...any) {
	at := m.at(pointer)
	if m.doc.Allows(m.rule.Name, at) {
		return
	}
	m.found = append(m.found, crontopus.Problem{
		File: at.File, Line: at.Line, Column: at.Column, Path: pointer,
		Code: m.rule.Name, Severity: m.rule.Severity, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// Inspect looks at one manifest. It is a manifests.Inspector.
func Inspect(doc *manifests.Document, at func(pointer string) manifests.Place) []crontopus.Problem {
	m := &manifest{doc: doc, job: doc.Job, at: at}
	for i := range rules {
		if m.rule = &rules[i]; m.rule.manifest != nil {
			m.rule.manifest(m)
		}
	}
	return m.found
}

// Schedule looks at a job of which no more is known than its schedule, in a line of a file.
func Schedule(file string, line int, job *crontopus.Job) []crontopus.Problem {
	at := manifests.Place{File: file, Line: line, Column: 1}
	m := &manifest{doc: &manifests.Document{Path: file}, job: job, at: func(string) manifests.Place { return at }}
	for i := range rules {
		if m.rule = &rules[i]; m.rule.alone {
			m.rule.manifest(m)
		}
	}
	return m.found
}

// about is the manifest that a finding is about.
type about interface {
	At(pointer string) manifests.Place
	Allows(rule string, at manifests.Place) bool
}

// finding is what a rule says of a manifest among others.
type finding struct {
	doc           about
	pointer       string
	message, hint string
	line, column  int // 0: where the pointer leads
}

// Check looks at manifests together.
func Check(docs []manifests.Document) []crontopus.Problem {
	var found []crontopus.Problem
	for i := range rules {
		switch r := &rules[i]; {
		case r.fleet != nil:
			found = append(found, r.problems(r.fleet(docs))...)
		case r.comments != nil:
			found = append(found, r.problems(r.comments(docs, names()))...)
		}
	}
	return found
}

// CheckFolder looks at a folder that was read as a whole: what is named in it should be in it, too.
func CheckFolder(tree *manifests.Tree) []crontopus.Problem {
	var found []crontopus.Problem
	for i := range rules {
		if rules[i].folder != nil {
			found = append(found, rules[i].problems(rules[i].folder(tree))...)
		}
	}
	return found
}

// CheckAgainst looks at manifests beside the agents that a server knows.
func CheckAgainst(docs []manifests.Document, agents []crontopus.Agent) []crontopus.Problem {
	var found []crontopus.Problem
	for i := range rules {
		if rules[i].hosts != nil {
			found = append(found, rules[i].problems(rules[i].hosts(docs, agents))...)
		}
	}
	return found
}

// problems are the findings that no comment allows.
func (r *Rule) problems(findings []finding) (found []crontopus.Problem) {
	for _, f := range findings {
		at := f.doc.At(f.pointer)
		if f.line > 0 {
			at = manifests.Place{File: at.File, Line: f.line, Column: f.column}
		}
		if f.doc.Allows(r.Name, at) {
			continue
		}
		found = append(found, crontopus.Problem{
			File: at.File, Line: at.Line, Column: at.Column, Path: f.pointer,
			Code: r.Name, Severity: r.Severity, Message: f.message, Hint: f.hint,
		})
	}
	return found
}

// Markdown returns the page about all rules.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Lint rules\n\n<!-- Generated from manifests/lint; run `make generate`. -->\n\n")
	b.WriteString("`crontopus validate` warns of what is valid and will hardly do what was meant. A warning does not make\n" +
		"a manifest invalid (`--strict` makes it count). Where it is meant, say so in a comment on the line\n" +
		"or on the one above it; above the first field it holds for the whole document, and before the first\n" +
		"`---` for all documents of the file:\n\n" +
		"    # crontopus: allow no-timeout, herd\n\n| rule | severity | finds |\n|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.Name, r.Name, r.Severity, r.Summary)
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nWarns of:\n\n```yaml\n%s\n```\n", r.Name, r.Why, strings.Trim(r.Example, "\n"))
	}
	return b.String()
}
