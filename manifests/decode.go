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
	"crontopus.dev/crontopus/internal/suggest"
	"crontopus.dev/crontopus/schema"
)

// Document is one manifest of a job, with its defaults set, and where it stands.
type Document struct {
	Job  *crontopus.Job
	Path string

	// Line and Column say where its name stands.
	Line, Column int

	places  [len(keptFields)]place // of keptFields
	allowed []allowance
	from    *from // nil: nothing but the manifest's own text
}

// place is a position in a file, from 1.
type place struct{ line, column int }

// keptFields are the fields that somebody who knows more than the file may find wrong, by
// JSON pointer: what the job reaches, and when.
var keptFields = [...]string{"/metadata/namespace", "/spec/target", "/spec/run/user", "/spec/schedule", "/spec/monitor/dependsOn"}

// At returns where one of the fields stands that say what the job reaches and when: its
// namespace, target, user, schedule or what it depends on, in the manifest or in Defaults; or what it would
// stand in where it is left out.
func (d *Document) At(pointer string) Place {
	if d.from != nil {
		if at, given := d.from.given[pointer]; given {
			return at
		}
	}
	if i := slices.Index(keptFields[:], pointer); i >= 0 {
		return Place{d.Path, d.places[i].line, d.places[i].column}
	}
	return Place{d.Path, d.Line, d.Column}
}

// ignoreMark on a file's first line leaves the file out.
const ignoreMark = "# crontopus: ignore"

// Decode reads one file by itself, with the Defaults that stand in it, and returns its
// manifests that are right, and everything that is wrong in it, ordered by place. It is
// pure, and safe for input from anyone.
func Decode(file string, data []byte) ([]Document, []crontopus.Problem) {
	f := Reader{}.Alone(file, data)
	return f.Documents, f.Problems
}

// File is what one file says.
type File struct {
	Documents []Document // those that are right
	Alerting  []Alerting // likewise
	Defaults  []*Defaults
	Problems  []crontopus.Problem // ordered by place

	made []made
}

// Alone is Decode with what the reader looks for.
func (r Reader) Alone(file string, data []byte) (f File) {
	problems, _ := Settle([]string{"defaults"}, nil, func(_ []int, scopes []*Scope) ([][]*Defaults, error) {
		f = r.Decode(file, data, scopes[0])
		return [][]*Defaults{f.Defaults}, nil
	}) // there is no error in reading what is there
	f.Problems = append(f.Problems, problems...)
	Sort(f.Problems)
	return f
}

// Inspector looks at a manifest that is right and says what is odd about it; at returns
// where a field, or what it would stand in, stands.
type Inspector func(doc *Document, at func(pointer string) Place) []crontopus.Problem

// Decode reads one file, whose folder has the Defaults of scope.
func (r Reader) Decode(file string, data []byte, scope *Scope) File {
	return decode(&reader{Reader: r, file: file, scope: scope}, data)
}

func decode(r *reader, data []byte) File {
	if ignored(data) {
		return File{}
	}
	text, ok := r.guard(data)
	if !ok {
		return File{Problems: r.problems}
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
		docs = append(docs, d.read()...)
	}
	Sort(r.problems)
	return File{docs, r.alerting, r.defaults, r.problems, r.made}
}

// Sort orders problems by file and place.
func Sort(problems []crontopus.Problem) { slices.SortStableFunc(problems, comparePlaces) }

// Unique leaves the first of problems that are alike.
func Unique(problems []crontopus.Problem) []crontopus.Problem {
	said := make(map[crontopus.Problem]bool, len(problems))
	return slices.DeleteFunc(problems, func(p crontopus.Problem) bool {
		again := said[p]
		said[p] = true
		return again
	})
}

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
	Reader

	file     string
	scope    *Scope
	tokens   int         // so far, in all documents
	simple   bool        // the text has only characters that plainTree reads, and is short
	allowed  []allowance // in all documents
	defaults []*Defaults
	alerting []Alerting
	problems []crontopus.Problem
	made     []made // by matrices
	filled   int    // bytes of it that are texts
}

func (r *reader) add(p crontopus.Problem) {
	if p.File = r.file; r.room(p.Level() == crontopus.SeverityError) {
		r.problems = append(r.problems, p)
	}
}

// full reports whether the file has as many errors as are kept of one: then it is read no further.
func (r *reader) full() bool { return !r.room(true) }

// room reports whether one more error is kept, or one more of what is only odd: many of these hide no
// error.
func (r *reader) room(errors bool) bool {
	if len(r.problems) < maxProblems {
		return true
	}
	n := 0
	for i := range r.problems {
		if (r.problems[i].Level() == crontopus.SeverityError) == errors {
			n++
		}
	}
	return n < maxProblems
}

// document is one YAML document of a file while it is read.
type document struct {
	*reader
	piece
	body   ast.Node
	root   map[string]any  // what body decodes to; with Defaults, once they are in
	blamed map[string]bool // pointers that have a problem: one each is enough
	lines  []string        // of text, once a problem asks for them

	placeholders bool           // a text has some
	own          map[string]any // what body says of this job, where root is more than body decodes to
	written      map[string]any // what body decodes to, then
	variant      variant        // of the matrix
	found        map[finding]bool
}

// read takes the document through every check. It returns manifests only if none found
// anything.
func (d *document) read() []Document {
	if body, ok := d.plain(); ok {
		problems, defaults, alerting, made, filled := len(d.problems), len(d.defaults), len(d.alerting), len(d.made), d.filled
		d.body = body
		if docs := d.check(); !hasErrors(d.problems[problems:]) {
			return docs
		}
		d.problems, d.defaults, d.alerting = d.problems[:problems], d.defaults[:defaults], d.alerting[:alerting]
		d.made, d.filled = d.made[:made], filled
		*d = document{reader: d.reader, piece: d.piece} // whoever says what is wrong reads all of YAML
	}
	tokens, ok := d.tokenize()
	if !ok || len(tokens) == 0 {
		return nil
	}
	if d.body, ok = d.parse(tokens); !ok || d.body == nil {
		return nil
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

// check makes manifests of the tree if nothing is wrong with it.
func (d *document) check() []Document {
	before := len(d.problems)
	value := d.value(d.body, make([]string, 0, 8))
	if !d.ours(value) {
		return nil
	}
	d.root = value.(map[string]any)
	switch d.root["kind"] {
	case crontopus.KindDefaults:
		d.readDefaults()
		return nil
	case crontopus.KindAlertPolicy, crontopus.KindNotificationChannel, crontopus.KindMaintenanceWindow:
		d.readAlerting()
		return nil
	}
	if _, matrix := object(d.root, "spec")["matrix"]; matrix || d.placeholders || d.scope != nil {
		return d.readGiven(before)
	}
	job := d.judge(schema.Validate)
	if len(d.problems) > before {
		return nil
	}
	return []Document{d.document(job)}
}

// judge checks what the root says, with one of the schema's validators.
func (d *document) judge(validate func(any) []schema.Violation) *crontopus.Job {
	for _, v := range validate(d.root) {
		if d.full() {
			break
		}
		d.addViolation(v)
	}
	job := jobOf(d.root)
	d.checkJob(job)
	return job
}

// document makes a manifest of a job that is right, and has it inspected.
func (d *document) document(job *crontopus.Job) Document {
	job.SetDefaults()
	line, column := d.position(find(d.body, []string{"metadata", "name"}, false))
	doc := Document{Job: job, Path: d.file, Line: line, Column: column, from: d.origin()}
	for i, pointer := range keptFields {
		doc.places[i].line, doc.places[i].column = d.position(find(d.body, schema.Keys(pointer), false))
	}
	doc.allowed = slices.Concat(d.allowed, d.allowances())
	if d.Inspect != nil {
		for _, p := range d.Inspect(&doc, d.placeOf) {
			d.addFinding(p)
		}
	}
	return doc
}

// placeOf returns where a field, or what it would stand in, stands.
func (d *document) placeOf(pointer string) Place {
	if at, given := d.given(pointer); given {
		return at
	}
	line, column := d.position(find(d.body, schema.Keys(pointer), false))
	return Place{d.file, line, column}
}

var kinds = []string{
	crontopus.KindJob, crontopus.KindDefaults,
	crontopus.KindAlertPolicy, crontopus.KindNotificationChannel, crontopus.KindMaintenanceWindow,
}

// ours reports whether the document is a manifest of a kind that is read, which the schema
// then judges. What is something else gets one problem, not one for each of its fields.
func (d *document) ours(value any) bool {
	m, isMapping := value.(map[string]any)
	version, hasVersion := m["apiVersion"]
	kind, hasKind := m["kind"]
	name, isText := kind.(string)
	known := isText && slices.Contains(kinds, name)
	switch {
	case !isMapping || !hasVersion && !hasKind:
		d.addPointer(nil, false, CodeNotAManifest, "the document is not a manifest: it has no apiVersion and no kind",
			"begin it with `apiVersion: "+crontopus.APIVersion+"` and `kind: Job`; to leave the file out, write `"+ignoreMark+"` on its first line")
	case hasVersion && version != crontopus.APIVersion:
		d.addPointer([]string{"apiVersion"}, false, CodeAPIVersion, fmt.Sprintf("the apiVersion is %s, and only %s is read", shown(version), crontopus.APIVersion),
			"write `apiVersion: "+crontopus.APIVersion+"`; to leave the file out, write `"+ignoreMark+"` on its first line")
	case hasKind && !known:
		hint := "write `kind: Job`"
		if meant := suggest.Nearest(name, kinds); meant != "" {
			hint = "did you mean `kind: " + meant + "`?"
		}
		d.addPointer([]string{"kind"}, false, CodeUnknownKind, fmt.Sprintf("there is no kind %s", shown(kind)), hint)
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
		message, hint = d.explain(keys, message, hint)
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
