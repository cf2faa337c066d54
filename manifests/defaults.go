package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schema"
)

// Place is where something stands, from 1.
type Place struct {
	File         string
	Line, Column int
}

// Defaults is what the jobs of a folder and of those below it are given where they say
// nothing.
type Defaults struct {
	Path         string
	Line, Column int // of its kind

	value    map[string]any   // metadata and spec, as they are decoded
	places   map[string]place // of every field and item, by JSON pointer
	allowed  []allowance
	problems []crontopus.Problem // of this document
}

// Moved returns the Defaults as those of a file with the same text.
func (d *Defaults) Moved(file string) *Defaults {
	moved := *d
	moved.Path = file
	return &moved
}

// Each tells every value that the Defaults say, sorted by field.
func (d *Defaults) Each(tell func(field string, value any, at Place)) {
	var walk func(value any, at []string)
	walk = func(value any, at []string) {
		if fields, isMapping := value.(map[string]any); isMapping {
			for _, key := range slices.Sorted(maps.Keys(fields)) {
				walk(fields[key], append(at[:len(at):len(at)], key))
			}
			return
		}
		stands := d.places[schema.Pointer(at...)]
		tell(strings.Join(at, "."), value, Place{d.Path, stands.line, stands.column})
	}
	walk(d.value, nil)
}

// readDefaults checks a document of kind Defaults: everything in it as in a job, and
// nothing that it lacks.
func (d *document) readDefaults() {
	before := len(d.problems)
	if d.placeholders {
		d.eachPlaceholder(d.root, nil, func(at []string, name string) {
			d.addPointer(at, false, CodeMatrix, fmt.Sprintf("%s stands for nothing in Defaults, which have no matrix", placeholder(name)), "write it in the jobs that have one")
		})
	}
	spec := object(d.root, "spec")
	if _, has := spec["matrix"]; has {
		d.addPointer([]string{"spec", "matrix"}, true, CodeMatrix, "a matrix belongs to one job and cannot be a default", "write it in the job")
	}
	for _, v := range schema.ValidatePart(d.root) {
		if d.full() {
			break
		}
		d.addViolation(v)
	}
	d.checkJob(jobOf(d.root))
	line, column := d.position(find(d.body, []string{"kind"}, false))
	read := &Defaults{Path: d.file, Line: line, Column: column, value: map[string]any{}, places: map[string]place{}, allowed: slices.Concat(d.allowed, d.allowances())}
	read.problems = append(read.problems, d.problems[before:]...)
	if meta := maps.Clone(object(d.root, "metadata")); meta != nil {
		delete(meta, "name") // its own
		delete(meta, "description")
		read.value["metadata"] = meta
	}
	if spec != nil {
		read.value["spec"] = spec
	}
	d.eachPlace(d.body, nil, func(pointer string, at place) { read.places[pointer] = at })
	d.defaults = append(d.defaults, read)
}

// eachPlace tells where every field and item of a node stands.
func (d *document) eachPlace(node ast.Node, at []string, tell func(pointer string, at place)) {
	tellOne := func(child ast.Node, key string) {
		here := append(at[:len(at):len(at)], key)
		line, column := d.position(find(node, []string{key}, false))
		tell(schema.Pointer(here...), place{line, column})
		d.eachPlace(child, here, tell)
	}
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, field := range n.Values {
			tellOne(field.Value, field.Key.GetToken().Value)
		}
	case *ast.SequenceNode:
		for i, item := range n.Values {
			tellOne(item, strconv.Itoa(i))
		}
	}
}

// overlay returns what far and near say together: mappings key by key, and what both say as
// near says it. Neither is changed.
func overlay(far, near map[string]any) map[string]any {
	both := maps.Clone(far)
	for key, value := range near {
		inner, isMapping := value.(map[string]any)
		if outer, areMappings := both[key].(map[string]any); isMapping && areMappings {
			value = overlay(outer, inner)
		}
		both[key] = value
	}
	return both
}

// inherit is overlay for manifests: of what only one of can be said, what is nearer takes
// the place of what is farther.
func inherit(far, near map[string]any) map[string]any {
	if far == nil {
		return near
	}
	both := overlay(far, near)
	spec, nearSpec := object(both, "spec"), object(near, "spec")
	replaceOthers(spec, nearSpec, schema.Alternatives("spec"))
	for _, name := range []string{"target", "run"} {
		replaceOthers(object(spec, name), object(nearSpec, name), schema.Alternatives(name))
	}
	run, nearRun := object(spec, "run"), object(nearSpec, "run")
	for _, pair := range [][2]string{{"environment", "secrets"}, {"secrets", "environment"}} {
		stays := object(nearRun, pair[0])
		kept := maps.Clone(object(run, pair[0]))
		for variable := range object(nearRun, pair[1]) {
			if _, both := stays[variable]; !both {
				delete(kept, variable)
			}
		}
		if len(object(nearRun, pair[1])) > 0 && kept != nil {
			run[pair[0]] = kept
		}
	}
	return both
}

// replaceOthers takes from both the alternatives that near does not say, if it says one.
func replaceOthers(both, near map[string]any, alternatives []string) {
	said := false
	for _, name := range alternatives {
		_, here := near[name]
		said = said || here
	}
	for _, name := range alternatives {
		if _, here := near[name]; said && !here {
			delete(both, name)
		}
	}
}

// withDefaults is what a job says together with what it is given.
func (s *Scope) withDefaults(job map[string]any) map[string]any {
	whole := inherit(s.value, job)
	_, hasScript := object(object(whole, "spec"), "run")["script"]
	if _, own := object(object(job, "spec"), "run")["shell"]; !hasScript && !own {
		whole = overlay(whole, map[string]any{"spec": map[string]any{"run": map[string]any{}}}) // a copy
		delete(object(object(whole, "spec"), "run"), "shell")                                   // the default is for scripts
	}
	if spec := object(whole, "spec"); flag(object(spec, "target"), "ping") { // defaults are for what an agent starts
		spec = maps.Clone(spec)
		forget(spec, object(job, "spec"), "run")
		if monitor := maps.Clone(object(spec, "monitor")); monitor != nil {
			forget(monitor, object(object(job, "spec"), "monitor"), "catchUp")
			spec["monitor"] = monitor
		}
		whole = maps.Clone(whole)
		whole["spec"] = spec
	}
	return whole
}

// forget takes from both what near does not say.
func forget(both, near map[string]any, name string) {
	if _, here := near[name]; !here {
		delete(both, name)
	}
}
