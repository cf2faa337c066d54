package format

import (
	"slices"
	"strings"

	"crontopus.dev/crontopus/schema"
)

// order puts the fields of a document into the order of the schema.
func (d *document) order(fields []schema.Field) { d.root.order(schema.Field{Fields: fields}) }

func (n *node) order(as schema.Field) {
	for i := range n.entries {
		n.entries[i].value.order(inside(as, n.entries[i].key))
	}
	if n.style == mapping {
		slices.SortStableFunc(n.entries, func(a, b entry) int { return index(as, a.key) - index(as, b.key) })
	}
	if n.flow != nil {
		n.flow.order(as)
	}
}

// order is the same inside brackets. Each place keeps its line breaks, and the fields
// change places; if there is a comment between them, nobody can say whose it is, and they
// stay.
func (f *flow) order(as schema.Field) {
	if f == nil {
		return
	}
	stay := f.open != '{' || f.end.comments()
	for _, it := range f.items {
		it.value.order(inside(as, it.name()))
		stay = stay || it.before.comments() || it.middle.comments() || it.after.comments()
	}
	if stay {
		return
	}
	sorted := slices.Clone(f.items)
	slices.SortStableFunc(sorted, func(a, b item) int { return index(as, a.name()) - index(as, b.name()) })
	for i := range sorted {
		place := f.items[i]
		sorted[i].before, sorted[i].after, sorted[i].comma = place.before, place.after, place.comma
	}
	f.items = sorted
}

func (it item) name() string {
	if it.key == nil || it.key.open != 0 {
		return ""
	}
	return strings.Join(it.key.lines, " ")
}

// inside is what a schema says of a field, or of an item if it has no key.
func inside(as schema.Field, key string) schema.Field {
	if i := index(as, key); i < len(as.Fields) {
		return as.Fields[i]
	}
	if as.Each != nil {
		return *as.Each
	}
	return schema.Field{}
}

// index is a field's place; fields that the schema does not know come last.
func index(as schema.Field, key string) int {
	if len(key) > 1 && (key[0] == '"' || key[0] == '\'') {
		key = key[1 : len(key)-1]
	}
	i := slices.IndexFunc(as.Fields, func(f schema.Field) bool { return f.Name == key })
	if i < 0 {
		return len(as.Fields)
	}
	return i
}
