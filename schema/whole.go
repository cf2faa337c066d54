package schema

import (
	"fmt"
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// choices are the objects that say exactly one of several fields, and those fields.
var choices = map[string][]string{
	"spec":   {"schedule", "every"},
	"target": {"labels", "agents", "all", "ping"},
	"run":    {"command", "script"},
}

// Alternatives returns the fields of an object, spec or one in it, of which a job says exactly one.
func Alternatives(object string) []string { return choices[object] }

// findMissing reports what a job lacks when nothing is added to it any more. What is not an
// object has been reported already.
func (e *explainer) findMissing() {
	spec, isObject := e.valueAt([]string{"spec"}).(map[string]any)
	if kind := e.valueAt([]string{"kind"}); !isObject || kind != crontopus.KindJob {
		return
	}
	target, _ := spec["target"].(map[string]any)
	ping := has(target, "ping")
	if !has(spec, "schedule") && (!ping || !has(spec, "every")) {
		e.missing([]string{"spec"}, "schedule")
	}
	e.findMissingIn(spec, "target")
	if ping {
		e.findNeedless(spec)
		return
	}
	if has(spec, "every") {
		e.addAtKey([]string{"spec", "every"}, CodeInvalid, "every is for a job without an agent, which has `target: {ping: true}`", "write a schedule")
	}
	e.findMissingIn(spec, "run")
	run, _ := spec["run"].(map[string]any)
	if has(run, "shell") && !has(run, "script") {
		e.add([]string{"spec", "run", "shell"}, CodeInvalid, "shell is for a script, and there is none", "remove it, or write script instead of command")
	}
	if retries, ok := run["retries"].(map[string]any); ok && !has(retries, "limit") {
		e.missing([]string{"spec", "run", "retries"}, "limit")
	}
}

// findMissingIn reports an object of spec that is not there, or says none of its fields.
func (e *explainer) findMissingIn(spec map[string]any, name string) {
	if !has(spec, name) {
		e.missing([]string{"spec"}, name)
	}
	object, isObject := spec[name].(map[string]any)
	said := func(choice string) bool { return has(object, choice) }
	if isObject && !slices.ContainsFunc(choices[name], said) && (name != "target" || len(object) > 0) {
		e.tooFew([]string{"spec", name})
	}
}

// findNeedless reports what a job without an agent has no use for.
func (e *explainer) findNeedless(spec map[string]any) {
	if has(spec, "run") {
		e.addAtKey([]string{"spec", "run"}, CodeInvalid, "a job with `target: {ping: true}` starts nothing, so it has no run",
			"remove it, or let a target choose the agents that are to start it")
	}
	if monitor, _ := spec["monitor"].(map[string]any); has(monitor, "catchUp") {
		e.addAtKey([]string{"spec", "monitor", "catchUp"}, CodeInvalid, "catchUp is for jobs that an agent starts", "remove it")
	}
}

func has(object map[string]any, name string) bool { _, ok := object[name]; return ok }

func (e *explainer) missing(at []string, name string) {
	field := property(e.schemaAt(at), name)
	if of := e.ofKind(name); len(at) == 0 && of != nil {
		field = of
	}
	e.add(at, CodeMissingField, fmt.Sprintf("%s lacks %s", place(at), name), "add "+example(name, field))
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
