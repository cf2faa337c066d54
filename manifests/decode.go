package manifests

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schema"
)

// Document is one manifest, with its defaults set, and where it stands.
type Document struct {
	Job  *crontopus.Job
	Path string

	// Line and Column say where its name stands.
	Line, Column int

	places  [len(keptFields)]place // of keptFields
	allowed []allowance
}

// place is a position in a file, from 1.
type place struct{ line, column int }

// keptFields are the fields that somebody who knows more than the file may find wrong, by
// JSON pointer: what the job reaches, and when.
var keptFields = [...]string{"/metadata/namespace", "/spec/target", "/spec/run/user", "/spec/schedule"}

// At returns where one of the fields stands that say what the job reaches and when: its
// namespace, target, user or schedule, or what it would stand in where it is left out.
func (d *Document) At(pointer string) (line, column int) {
	if i := slices.Index(keptFields[:], pointer); i >= 0 {
		return d.places[i].line, d.places[i].column
	}
	return d.Line, d.Column
}

// ignoreMark on a file's first line leaves the file out.
const ignoreMark = "# crontopus: ignore"

// Decode reads one file and returns its manifests that are right, and everything that is
// wrong in it, ordered by place. It is pure, and safe for input from anyone.
func Decode(file string, data []byte) ([]Document, []crontopus.Problem) {
	return decode(file, data, nil)
}

// Inspector looks at a manifest that is right and says what is odd about it; at returns
// where a field, or what it would stand in, stands.
type Inspector func(doc *Document, at func(pointer string) (line, column int)) []crontopus.Problem

func decode(file string, data []byte, inspect Inspector) ([]Document, []crontopus.Problem) {
	r := &reader{file: file, inspect: inspect}
	if ignored(data) {
		return nil, nil
	}
	text, ok := r.guard(data)
	if !ok {
		return nil, r.problems
	}
	r.simple = plainText(text)
	var docs []Document
	pieces := split(text)
	if len(pieces) > 1 && pieces[0].onlyComments() {
		r.allowed = pieces[0].allowances() // for all that follow
	}
	for _, p := range pieces {
		if r.tokens > maxTokens || r.full() {
			break
		}
		d := &document{reader: r, piece: p}
		if doc, ok := d.read(); ok {
			docs = append(docs, doc)
		}
	}
	Sort(r.problems)
	return docs, r.problems
}

// Sort orders problems by file and place.
func Sort(problems []crontopus.Problem) { slices.SortStableFunc(problems, comparePlaces) }

func ignored(data []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimPrefix(data, []byte(bom)), []byte("\n"))
	return strings.TrimRight(string(first[:min(len(first), 200)]), " \t\r") == ignoreMark
}

func comparePlaces(a, b crontopus.Problem) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		strings.Compare(a.Path, b.Path), strings.Compare(a.Code, b.Code))
}

// reader collects what is wrong in one file.
type reader struct {
	file     string
	inspect  Inspector
	tokens   int         // so far, in all documents
	simple   bool        // the text has only characters that plainTree reads, and is short
	allowed  []allowance // in all documents
	problems []crontopus.Problem
}

func (r *reader) add(p crontopus.Problem) {
	if !r.full() {
		p.File = r.file
		r.problems = append(r.problems, p)
	}
}

// full reports whether the file has as many problems as are kept of one.
func (r *reader) full() bool { return len(r.problems) >= maxProblems }

// document is one YAML document of a file while it is read.
type document struct {
	*reader
	piece
	body   ast.Node
	root   map[string]any  // what body decodes to
	blamed map[string]bool // pointers that have a problem: one each is enough
	lines  []string        // of text, once a problem asks for them
}

// read takes the document through every check. It returns a manifest only if none found
// anything.
func (d *document) read() (Document, bool) {
	before := len(d.problems)
	if body, ok := d.plain(); ok {
		d.body = body
		if doc, ok := d.check(); ok {
			return doc, true
		}
		d.problems, d.blamed = d.problems[:before], nil // whoever says what is wrong reads all of YAML
	}
	tokens, ok := d.tokenize()
	if !ok || len(tokens) == 0 {
		return Document{}, false
	}
	if d.body, ok = d.parse(tokens); !ok || d.body == nil {
		return Document{}, false
	}
	return d.check()
}

// plain is the document's tree if it is as simple as most are.
func (d *document) plain() (ast.Node, bool) {
	if !d.simple {
		return nil, false
	}
	return plainTree(d.text)
}

// check makes a manifest of the tree if nothing is wrong with it.
func (d *document) check() (Document, bool) {
	before := len(d.problems)
	value := d.value(d.body, make([]string, 0, 8))
	if !d.ours(value) {
		return Document{}, false
	}
	d.root = value.(map[string]any)
	for _, v := range schema.Validate(value) {
		if d.full() {
			break
		}
		d.addViolation(v)
	}
	job := jobOf(d.root)
	d.checkJob(job)
	if len(d.problems) > before {
		return Document{}, false
	}
	job.SetDefaults()
	line, column := d.position(find(d.body, []string{"metadata", "name"}, false))
	doc := Document{Job: job, Path: d.file, Line: line, Column: column}
	at := func(pointer string) (line, column int) {
		return d.position(find(d.body, schema.Keys(pointer), false))
	}
	for i, pointer := range keptFields {
		doc.places[i].line, doc.places[i].column = at(pointer)
	}
	doc.allowed = slices.Concat(d.allowed, d.allowances())
	if d.inspect != nil {
		for _, p := range d.inspect(&doc, at) {
			d.add(p)
		}
	}
	return doc, true
}

// kinds that the language has, beside Job, and that this version does not carry out.
var laterKinds = []string{"AlertPolicy", "NotificationChannel", "MaintenanceWindow"}

// ours reports whether the document is a manifest of kind Job, which the schema then
// judges. What is something else gets one problem, not one for each of its fields.
func (d *document) ours(value any) bool {
	m, isMapping := value.(map[string]any)
	version, hasVersion := m["apiVersion"]
	kind, hasKind := m["kind"]
	switch {
	case !isMapping || !hasVersion && !hasKind:
		d.addPointer(nil, false, CodeNotAManifest, "the document is not a manifest: it has no apiVersion and no kind",
			"begin it with `apiVersion: "+crontopus.APIVersion+"` and `kind: Job`; to leave the file out, write `"+ignoreMark+"` on its first line")
	case hasVersion && version != crontopus.APIVersion:
		d.addPointer([]string{"apiVersion"}, false, CodeAPIVersion, fmt.Sprintf("the apiVersion is %s, and only %s is read", shown(version), crontopus.APIVersion),
			"write `apiVersion: "+crontopus.APIVersion+"`; to leave the file out, write `"+ignoreMark+"` on its first line")
	case hasKind && kind != crontopus.KindJob:
		if name, isText := kind.(string); isText && slices.Contains(laterKinds, name) {
			d.addPointer([]string{"kind"}, false, CodeUnsupported, "the kind "+name+" is not supported by this version", "take the document out for now; only Job is read")
		} else {
			d.addPointer([]string{"kind"}, false, CodeUnknownKind, fmt.Sprintf("there is no kind %s", shown(kind)), "write `kind: Job`")
		}
	default:
		return true
	}
	return false
}

func shown(value any) string {
	switch v := value.(type) {
	case nil:
		return "empty"
	case string:
		return schema.Quote(v)
	case map[string]any, []any:
		return "no text"
	}
	return fmt.Sprint(value)
}

func (d *document) addViolation(v schema.Violation) {
	keys := schema.Keys(v.Pointer)
	if v.Hint == schema.HintQuote {
		v.Hint += fmt.Sprintf(": %q", find(d.body, keys, false).Value)
	}
	d.addPointer(keys, v.AtKey, v.Code, v.Message, v.Hint)
}

// addPointer adds a problem at the value, or key, that keys lead to.
func (d *document) addPointer(keys []string, atKey bool, code, message, hint string) {
	if !d.full() {
		d.addToken(find(d.body, keys, atKey), keys, code, message, hint)
	}
}

func (d *document) addToken(tk *token.Token, keys []string, code, message, hint string) {
	if d.full() {
		return
	}
	pointer := schema.Pointer(keys...)
	if len(keys) > 0 {
		if d.blamed[pointer] {
			return
		}
		if d.blamed == nil {
			d.blamed = map[string]bool{}
		}
		d.blamed[pointer] = true
	}
	line, column := d.position(tk)
	d.add(crontopus.Problem{Line: line, Column: column, Path: pointer, Code: code, Message: message, Hint: hint})
}

// addAt adds a problem of the text, before there is a tree to point into.
func (d *document) addAt(tk *token.Token, code, message, hint string) {
	line, column := d.position(tk)
	d.add(crontopus.Problem{Line: line, Column: column, Code: code, Message: message, Hint: hint})
}
