package schema

import (
	"slices"
	"strings"
)

// Field is one field of a manifest as the schema describes it.
type Field struct {
	Name        string
	Title       string // what a value of it is: "a duration"
	Description string
	Types       []string // of JSON Schema; none: whatever Choices says
	Choices     []any    // all values that there are; none: many
	Required    bool
	Default     any // nil: none
	Examples    []any
	Fields      []Field // of a mapping whose keys are given, in the order in which they are written
	Each        *Field  // what the items of a list, or the values of a mapping with free keys, are
}

// Fields returns the fields of a kind's manifests in the order in which they are written,
// and nothing if there is no such kind.
func Fields(kind string) []Field {
	doc := view(ordered(), kind)
	if doc == nil {
		return nil
	}
	return fieldOf(doc, "").Fields
}

// view is the document as it holds for one kind: what its branches say of that kind is
// taken into it.
func view(doc object, kind string) object {
	known := admits(doc, kind)
	for _, b := range branches(doc) {
		if admits(b.about, kind) {
			known = true
			doc = extend(doc, b.says)
		}
	}
	if !known {
		return nil
	}
	return doc
}

// branch is what a document says if the condition holds that it is about.
type branch struct{ about, says object }

func branches(doc object) (all []branch) {
	if condition := doc.object("if"); condition != nil {
		all = append(all, branch{deref(condition), doc.object("then")})
	}
	for _, list := range []string{"allOf", "oneOf", "anyOf"} {
		for _, each := range doc.list(list) {
			o := deref(each.(object))
			if o.object("if") != nil {
				all = append(all, branches(o)...)
			} else {
				all = append(all, branch{o, o})
			}
		}
	}
	return all
}

// admits reports whether a schema names the kind among those that it is about.
func admits(o object, kind string) bool {
	names := o.object("properties").object("kind")
	return names.get("const") == kind || slices.Contains(names.list("enum"), any(kind))
}

// extend adds what a branch says to a schema: to its properties, and to theirs.
func extend(o, branch object) object {
	o = deref(o)
	for _, m := range deref(branch) {
		switch value := m.value.(type) {
		case object:
			if m.name == "properties" {
				properties := o.object(m.name)
				for _, p := range value {
					of, _ := p.value.(object)
					properties = properties.with(p.name, extend(properties.object(p.name), of))
				}
				o = o.with(m.name, properties)
			}
		case []any:
			if m.name == "required" {
				o = o.with(m.name, append(slices.Clone(o.list(m.name)), value...))
			}
		}
		if o.index(m.name) < 0 {
			o = append(slices.Clip(o), m)
		}
	}
	return o
}

// deref follows references. What is said beside one goes before what it refers to.
func deref(o object) object {
	for o.text("$ref") != "" {
		target := ordered().object("$defs").object(strings.TrimPrefix(o.text("$ref"), "#/$defs/"))
		merged := object{}
		for _, m := range o {
			if m.name != "$ref" {
				merged = append(merged, m)
			}
		}
		for _, m := range target {
			if merged.index(m.name) < 0 {
				merged = append(merged, m)
			}
		}
		o = merged
	}
	return o
}

func fieldOf(o object, name string) Field {
	o = deref(o)
	f := Field{
		Name: name, Title: o.text("title"), Description: o.text("description"),
		Choices: o.list("enum"), Default: o.get("default"), Examples: o.list("examples"),
	}
	switch types := o.get("type").(type) {
	case string:
		f.Types = []string{types}
	case []any:
		for _, t := range types {
			f.Types = append(f.Types, t.(string))
		}
	}
	if only := o.get("const"); only != nil {
		f.Choices = []any{only}
	}
	required := o.list("required")
	for _, m := range o.object("properties") {
		inner := fieldOf(m.value.(object), m.name)
		inner.Required = slices.Contains(required, any(m.name))
		f.Fields = append(f.Fields, inner)
	}
	for _, each := range []string{"items", "additionalProperties"} {
		if of := o.object(each); of != nil {
			item := fieldOf(of, "")
			f.Each = &item
		}
	}
	return f
}
