package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
	"crontopus.dev/crontopus/schema"
)

// maxJobs is how many jobs one manifest may make.
const maxJobs = 256

// placeholderMark begins what stands for a value of the matrix. It is looked for in texts
// that are decoded, and values are put into those: nothing in a value can become YAML.
const placeholderMark = "${matrix."

var placeholders = lazyRegexp(`\$\{matrix\.([^}]*)(\}?)`)

func placeholder(name string) string { return placeholderMark + name + "}" }

// Value is what one dimension of a matrix is for one of its jobs.
type Value struct{ Dimension, Value string }

// variant is one job of a matrix. That of a manifest without one has no values.
type variant []Value

// String tells the jobs of a matrix apart for people.
func (v variant) String() string {
	pairs := make([]string, len(v))
	for i, value := range v {
		pairs[i] = fmt.Sprintf("%s=%.40s", value.Dimension, value.Value)
	}
	return strings.Join(pairs, ", ")
}

func (v variant) get(dimension string) (string, bool) {
	i := slices.IndexFunc(v, func(value Value) bool { return value.Dimension == dimension })
	if i < 0 {
		return "", false
	}
	return v[i].Value, true
}

// variants returns the jobs that the document makes, in the order of its matrix, the last
// dimension changing fastest. It reports what is wrong with the matrix and with what refers
// to it, and returns none then, nor if the document had other problems before.
func (d *document) variants(before int) []variant {
	_, has := object(d.root, "spec")["matrix"]
	if has {
		for _, v := range schema.ValidatePart(d.root) {
			if d.full() {
				break
			}
			d.addViolation(v)
		}
		if len(d.problems) > before {
			return nil
		}
	}
	dimensions := d.dimensions()
	used := map[string]bool{}
	d.eachPlaceholder(d.root, nil, func(at []string, name string) {
		if used[name] = true; slices.Contains(dimensions, name) {
			return
		}
		hint := "the matrix has: " + strings.Join(dimensions, ", ")
		if meant := suggest.Nearest(name, dimensions); meant != "" {
			hint = "did you mean " + placeholder(meant) + "?"
		} else if len(dimensions) == 0 {
			hint = "add spec.matrix with " + shown(name) + " and its values"
		}
		d.addPointer(at, false, CodeMatrix, fmt.Sprintf("there is no dimension %s in the matrix", shown(name)), hint)
	})
	all := []variant{nil}
	for _, name := range dimensions {
		if !used[name] {
			d.addPointer([]string{"spec", "matrix", name}, true, CodeMatrix, "nothing in the manifest says "+placeholder(name),
				"write it where the value belongs, or remove the dimension")
		}
		all = d.multiply(all, name)
	}
	if len(d.problems) > before {
		return nil
	}
	return d.afford(all)
}

// dimensions are the names in the matrix as they are written, one after the other.
func (d *document) dimensions() (names []string) {
	node := d.body
	for _, key := range []string{"spec", "matrix"} {
		fields, _ := node.(*ast.MappingNode)
		node = nil
		for _, field := range fieldsOf(fields) {
			if field.Key.GetToken().Value == key {
				node = field.Value
			}
		}
	}
	fields, _ := node.(*ast.MappingNode)
	for _, field := range fieldsOf(fields) {
		names = append(names, field.Key.GetToken().Value)
	}
	return names
}

func fieldsOf(m *ast.MappingNode) []*ast.MappingValueNode {
	if m == nil {
		return nil
	}
	return m.Values
}

// multiply makes a job of each value for each that there is.
func (d *document) multiply(all []variant, dimension string) []variant {
	at := []string{"spec", "matrix", dimension}
	values, _ := d.at(at...).([]any)
	if len(all)*len(values) > maxJobs {
		d.addPointer([]string{"spec", "matrix"}, true, CodeMatrix, fmt.Sprintf("the matrix makes more than %d jobs", maxJobs), "split the manifest into several")
		return []variant{nil}
	}
	var more []variant
	for _, v := range all {
		for i, value := range values {
			text := fmt.Sprint(value)
			if strings.Contains(text, placeholderMark) {
				d.addPointer(append(at, strconv.Itoa(i)), false, CodeMatrix, "a value of the matrix cannot stand for another", "write the value itself")
			}
			if i > 0 && slices.ContainsFunc(values[:i], func(o any) bool { return fmt.Sprint(o) == text }) {
				d.addPointer(append(at, strconv.Itoa(i)), false, CodeMatrix, dimension+" has the text "+shown(text)+" twice", "remove one of the two")
			}
			more = append(more, append(slices.Clip(v), Value{dimension, text}))
		}
	}
	return more
}

// eachPlaceholder tells every placeholder in a value, in stable order, but those in the
// matrix itself.
func (d *document) eachPlaceholder(value any, at []string, tell func(at []string, name string)) {
	switch v := value.(type) {
	case string:
		for _, found := range placeholders().FindAllStringSubmatch(v, -1) {
			if found[2] == "" {
				d.addPointer(at, false, CodeMatrix, placeholderMark+" has no end", "close it: ${matrix.NAME}")
				continue
			}
			tell(at, found[1])
		}
	case []any:
		for i, item := range v {
			d.eachPlaceholder(item, append(at, strconv.Itoa(i)), tell)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if here := append(at, key); !slices.Equal(here, matrixAt) {
				d.eachPlaceholder(v[key], here, tell)
			}
		}
	}
}

var matrixAt = []string{"spec", "matrix"}

// of returns what the manifest says for one of its jobs: without a matrix, with values for
// placeholders, and with a name of its own.
func (v variant) of(manifest map[string]any) map[string]any {
	if len(v) == 0 {
		return manifest
	}
	job := v.fill(manifest).(map[string]any)
	delete(object(job, "spec"), "matrix")
	meta := object(job, "metadata")
	if name := text(meta, "name"); name == text(object(manifest, "metadata"), "name") {
		for _, value := range v {
			name += "-" + value.Value
		}
		meta["name"] = name
	}
	return job
}

// fill returns a copy of a value in which placeholders are filled in.
func (v variant) fill(value any) any {
	switch t := value.(type) {
	case string:
		return placeholders().ReplaceAllStringFunc(t, func(found string) string {
			text, _ := v.get(placeholders().FindStringSubmatch(found)[1])
			return text
		})
	case []any:
		filled := make([]any, len(t))
		for i, item := range t {
			filled[i] = v.fill(item)
		}
		return filled
	case map[string]any:
		filled := make(map[string]any, len(t))
		for key, inner := range t {
			filled[key] = v.fill(inner)
		}
		return filled
	}
	return value
}

// checkNames reports jobs of the matrix that have one name.
func (d *document) checkNames(docs []Document) {
	first := map[crontopus.JobName]*Document{}
	for i := range docs {
		name := docs[i].Job.Name()
		if other := first[name]; other != nil {
			d.addPointer([]string{"metadata", "name"}, false, CodeMatrix,
				fmt.Sprintf("the jobs of %s and of %s are both named %s", variant(other.Matrix()), variant(docs[i].Matrix()), name.Name),
				"write a placeholder of every dimension into the name, or none: then the values are appended")
			return
		}
		first[name] = &docs[i]
	}
}
