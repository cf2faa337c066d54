package schema

import (
	"fmt"
	"slices"
	"strings"
)

// required are the fields that a job must have in the end, wherever they come from.
var required = []string{"schedule", "target", "run"}

// choices are the objects that say exactly one of several fields, and those fields.
var choices = map[string][]string{
	"target": {"labels", "agents", "all"},
	"run":    {"command", "script"},
}

// Alternatives returns the fields of an object of spec of which a job says exactly one.
func Alternatives(object string) []string { return choices[object] }

// findMissing reports what a job lacks when nothing is added to it any more. What is not an
// object has been reported already.
func (e *explainer) findMissing() {
	spec, isObject := e.valueAt([]string{"spec"}).(map[string]any)
	if !isObject {
		return
	}
	for _, name := range required {
		if _, ok := spec[name]; !ok {
			e.missing([]string{"spec"}, name)
		}
		object, isObject := spec[name].(map[string]any)
		said := func(choice string) bool { return has(object, choice) }
		if isObject && len(choices[name]) > 0 && !slices.ContainsFunc(choices[name], said) && (name != "target" || len(object) > 0) {
			e.tooFew([]string{"spec", name})
		}
	}
	run, _ := spec["run"].(map[string]any)
	if has(run, "shell") && !has(run, "script") {
		e.add([]string{"spec", "run", "shell"}, CodeInvalid, "shell is for a script, and there is none", "remove it, or write script instead of command")
	}
	if retries, ok := run["retries"].(map[string]any); ok && !has(retries, "limit") {
		e.missing([]string{"spec", "run", "retries"}, "limit")
	}
}

func has(object map[string]any, name string) bool { _, ok := object[name]; return ok }

func (e *explainer) missing(at []string, name string) {
	e.add(at, CodeMissingField, fmt.Sprintf("%s lacks %s", place(at), name), "add "+example(name, property(e.schemaAt(at), name)))
}

// tooFew explains an object that says none of its fields. The schema itself finds an empty target.
func (e *explainer) tooFew(at []string) {
	names := strings.Join(choices[last(at)], ", ")
	e.add(at, CodeMissingField, fmt.Sprintf("%s says none of %s", place(at), names), "write exactly one of "+names)
}

// tooMany explains an object that says more than one of its fields.
func (e *explainer) tooMany(at []string) {
	names := choices[last(at)]
	object, _ := e.valueAt(at).(map[string]any)
	var found []string
	for _, name := range names {
		if has(object, name) {
			found = append(found, name)
		}
	}
	if len(found) < 2 {
		return // a field too many that is unknown, which is reported
	}
	e.addAtKey(slices.Concat(at, []string{found[len(found)-1]}), CodeInvalid,
		fmt.Sprintf("%s says both %s", place(at), strings.Join(found, " and ")), "write exactly one of "+strings.Join(names, ", "))
}
