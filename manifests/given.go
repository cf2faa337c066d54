package manifests

import (
	"fmt"
	"strconv"
	"strings"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schema"
)

// from is what a job has from elsewhere than its own text.
type from struct {
	scope  *Scope
	matrix variant
	given  map[string]Place // of keptFields, those that come from Defaults
	fields map[string]Place // with Trace: of everything that the job says or is given, by JSON pointer
}

// Defaults are those that hold for the job, the outermost first.
func (d *Document) Defaults() []*Defaults {
	if d.from == nil {
		return nil
	}
	var all []*Defaults
	for s := d.from.scope; s != nil; s = s.above {
		all = append(s.own[:1:1], all...)
	}
	return all
}

// Matrix are the values of the manifest's matrix that the job is made of.
func (d *Document) Matrix() []Value {
	if d.from == nil {
		return nil
	}
	return d.from.matrix
}

// Field returns where a field's value stands; false is for a field that nobody says. Only a
// reader that traces knows.
func (d *Document) Field(pointer string) (Place, bool) {
	if d.from == nil {
		return Place{}, false
	}
	at, said := d.from.fields[pointer]
	return at, said
}

// readGiven reads a job that is more than its text: a matrix makes several of it, and
// Defaults add to each. What the text says is checked first. What Defaults say has been
// checked where they stand, so what is found afterwards is missing, or does not go together.
// Problems of the document are those after before.
func (d *document) readGiven(before int) (docs []Document) {
	d.written = d.root
	for _, v := range d.variants(before) {
		d.variant, d.own = v, v.of(d.written)
		d.root = d.own
		here := len(d.problems)
		validate := schema.Validate
		if d.scope != nil {
			validate = schema.ValidatePart
		}
		job := d.judge(validate)
		if len(d.problems) > here {
			continue // the next one may have other problems, at other fields
		}
		if d.scope != nil && d.scope.broken {
			continue // nobody knows what the job is to be
		}
		if d.scope != nil {
			d.root = d.scope.withDefaults(d.own)
			job = d.judge(schema.Validate)
		}
		if !hasErrors(d.problems[before:]) {
			docs = append(docs, d.document(job))
		}
	}
	d.root, d.variant = d.written, nil
	d.checkNames(docs)
	if hasErrors(d.problems[before:]) {
		return nil
	}
	return docs
}

func hasErrors(problems []crontopus.Problem) bool {
	for _, p := range problems {
		if p.Level() == crontopus.SeverityError {
			return true
		}
	}
	return false
}

// given returns where Defaults say a field that the manifest does not say.
func (d *document) given(pointer string) (Place, bool) {
	if d.scope == nil || d.own == nil || has(d.own, schema.Keys(pointer)) {
		return Place{}, false
	}
	return d.scope.find(pointer)
}

// has reports whether keys lead to anything in a value.
func has(value any, keys []string) bool {
	for _, key := range keys {
		switch v := value.(type) {
		case map[string]any:
			inner, ok := v[key]
			if !ok {
				return false
			}
			value = inner
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return false
			}
			value = v[i]
		default:
			return false
		}
	}
	return true
}

// explain adds to a problem where the value comes from, if it is not what the manifest says
// at that place.
func (d *document) explain(keys []string, message, hint string) (string, string) {
	if len(d.variant) > 0 && d.varies(keys) {
		message += " (" + d.variant.String() + ")"
	}
	if at, given := d.given(schema.Pointer(keys...)); given {
		hint = strings.TrimPrefix(fmt.Sprintf("%s; the value comes from %s:%d", hint, at.File, at.Line), "; ")
	}
	return message, hint
}

// varies reports whether a field is not the same in all jobs of the matrix.
func (d *document) varies(keys []string) bool {
	var value any = d.written
	for _, key := range keys {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			if i, err := strconv.Atoi(key); err == nil && i < len(v) {
				value = v[i]
			}
		}
	}
	text, _ := value.(string)
	return strings.Contains(text, placeholderMark) || len(keys) == 2 && keys[0] == "metadata" && keys[1] == "name"
}

// origin returns what the job that was just checked has from elsewhere.
func (d *document) origin() *from {
	if d.own == nil && !d.Trace {
		return nil
	}
	f := &from{scope: d.scope, matrix: d.variant}
	for _, pointer := range keptFields {
		if at, given := d.given(pointer); given {
			if f.given == nil {
				f.given = map[string]Place{}
			}
			f.given[pointer] = at
		}
	}
	if d.Trace {
		f.fields = map[string]Place{}
		for s := d.scope; s != nil; s = s.above {
			for pointer, at := range s.own[0].places {
				if _, nearer := f.fields[pointer]; !nearer {
					f.fields[pointer] = Place{s.own[0].Path, at.line, at.column}
				}
			}
		}
		d.eachPlace(d.body, nil, func(pointer string, at place) { f.fields[pointer] = Place{d.file, at.line, at.column} })
	}
	return f
}

// finding is what an inspector finds at one place.
type finding struct {
	code string
	at   Place
}

// addFinding adds what an inspector found, once for all jobs of a matrix.
func (d *document) addFinding(p crontopus.Problem) {
	f := finding{p.Code, Place{p.File, p.Line, p.Column}}
	if len(d.variant) > 0 {
		if d.found[f] {
			return
		}
		if d.found == nil {
			d.found = map[finding]bool{}
		}
		d.found[f] = true
	}
	if d.room(p.Level() == crontopus.SeverityError) {
		d.problems = append(d.problems, p)
	}
}
