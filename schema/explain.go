package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// explainer turns the library's tree of errors into violations: one for each leaf, in our
// words, with the titles and examples of the schema as what to write instead.
type explainer struct {
	value      any
	violations []Violation
	branches   []*jsonschema.Schema // what the schema says of this kind alone, once it was asked for
}

func (e *explainer) add(keys []string, code, message, hint string) {
	e.violations = append(e.violations, Violation{Pointer: Pointer(keys...), Code: code, Message: message, Hint: hint})
}

func (e *explainer) addAtKey(keys []string, code, message, hint string) {
	e.violations = append(e.violations, Violation{Pointer: Pointer(keys...), AtKey: true, Code: code, Message: message, Hint: hint})
}

func (e *explainer) explain(err *jsonschema.ValidationError) {
	at := err.InstanceLocation
	schema := e.schemaAt(at)
	switch k := err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			e.unknownField(at, schema, name)
		}
	case *kind.Required:
		for _, name := range k.Missing {
			e.missing(at, name)
		}
	case *kind.MaxProperties, *kind.Not: // of target and run, which say one of several fields
		e.tooMany(at)
	case *kind.MinProperties: // of a target that says nothing, or of a mapping with free keys
		if len(choices[last(at)]) > 0 {
			e.tooFew(at)
		} else {
			e.badValue(at, schema, k)
		}
	case *kind.PropertyNames:
		at, schema = e.named(err.SchemaURL, k.Property, nil)
		e.addAtKey(slices.Concat(at, []string{k.Property}), CodeInvalid,
			fmt.Sprintf("%s is not %s", Quote(k.Property), resolve(schema.PropertyNames).Title), writeOne(schema))
	case *kind.Type:
		e.wrongType(at, schema, k)
	default:
		if len(err.Causes) == 0 {
			e.badValue(at, schema, err.ErrorKind)
		}
		for _, cause := range err.Causes {
			e.explain(cause)
		}
	}
}

// unknownField names the field that was probably meant, or says where the name belongs,
// or lists what there is.
func (e *explainer) unknownField(at []string, schema *jsonschema.Schema, name string) {
	known := slices.Sorted(maps.Keys(resolve(schema).Properties))
	hint := "fields here: " + strings.Join(known, ", ")
	if home := e.home(name); home != nil && slices.Compare(home, at) != 0 {
		hint = fmt.Sprintf("%s belongs in %s", name, place(home))
	} else if meant := closest(name, known); meant != "" {
		hint = fmt.Sprintf("did you mean `%s`?", meant)
	}
	e.addAtKey(slices.Concat(at, []string{name}), CodeUnknownField, fmt.Sprintf("%s has no field %s", place(at), Quote(name)), hint)
}

// home finds the only object that has a field of that very name.
func (e *explainer) home(name string) []string {
	var homes [][]string
	for _, at := range [][]string{{}, {"metadata"}, {"spec"}, {"spec", "target"}, {"spec", "run"}, {"spec", "run", "retries"}, {"spec", "monitor"}, {"spec", "match"}} {
		if property(e.schemaAt(at), name) != nil {
			homes = append(homes, at)
		}
	}
	if len(homes) != 1 {
		return nil
	}
	return homes[0]
}

var typeNames = map[string]string{
	"null": "empty", "boolean": "true or false", "number": "a number", "integer": "a whole number",
	"string": "text", "array": "a list", "object": "a mapping",
}

func (e *explainer) wrongType(at []string, schema *jsonschema.Schema, k *kind.Type) {
	value := e.valueAt(at)
	want := make([]string, len(k.Want))
	for i, name := range k.Want {
		want[i] = typeNames[name]
	}
	slices.Sort(want)
	message := fmt.Sprintf("%s must be %s, not %s", subject(at), strings.Join(want, " or "), describe(value, k.Got))
	if value == nil {
		message = subject(at) + " has no value"
	}
	e.add(at, CodeWrongType, message, typeHint(value, k.Want, schema))
}

// typeHint says what to write instead. Most wrong types are YAML reading plain text as
// something else.
func typeHint(value any, want []string, schema *jsonschema.Schema) string {
	wants := func(t string) bool { return slices.Contains(want, t) }
	switch v := value.(type) {
	case nil:
		return "give it a value, or remove the line"
	case string:
		if wants("boolean") {
			switch strings.ToLower(v) {
			case "yes", "y", "on", "true":
				return "write true"
			case "no", "n", "off", "false":
				return "write false"
			}
			return "write true or false"
		}
		if wants("array") {
			return "write a list: " + listOf(v)
		}
		if _, err := strconv.Atoi(v); err == nil && wants("integer") {
			return "write " + v + " without quotes"
		}
	case bool, int64, float64:
		if wants("string") && (!wants("integer") || firstExample(schema) == "") {
			return HintQuote
		}
	}
	return writeOne(schema)
}

// listOf writes a command line as a list of its words; one with quotes, commas or a
// shell's signs stays whole, for only its author knows where it parts.
func listOf(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 || strings.ContainsAny(line, "\"'\\$`|&;<>*,") {
		words = []string{line}
	}
	for i, word := range words {
		words[i] = Quote(word)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// badValue explains a value of the right type that is not among those allowed.
func (e *explainer) badValue(at []string, schema *jsonschema.Schema, reason jsonschema.ErrorKind) {
	hint := writeOne(schema)
	if schema = resolve(schema); schema.Comment != "" {
		hint = schema.Comment
	}
	value := e.valueAt(at)
	shown := describe(value, "")
	if schema.WriteOnly { // a secret that somebody wrote into the manifest is not repeated in logs
		shown = subject(at)
	}
	message := fmt.Sprintf("%s is not %s", shown, schema.Title)
	switch k := reason.(type) {
	case *kind.Enum:
		var choices []string
		for _, choice := range k.Want {
			choices = append(choices, fmt.Sprint(choice))
		}
		message = fmt.Sprintf("%s is not a value of %s", shown, subject(at))
		hint = "write one of " + strings.Join(choices, ", ")
		if text, ok := value.(string); ok {
			if meant := closest(text, choices); meant != "" {
				hint = fmt.Sprintf("did you mean `%s`?", meant)
			}
		}
	case *kind.Const:
		message = fmt.Sprintf("%s can only be %v", subject(at), k.Want)
		hint = fmt.Sprintf("write %s: %v", last(at), k.Want)
	case *kind.Minimum, *kind.Maximum:
		if schema.Title == "" {
			message = fmt.Sprintf("%s is out of range: %s", subject(at), shown)
			hint = fmt.Sprintf("write a whole number from %s to %s", schema.Minimum.RatString(), schema.Maximum.RatString())
		} else if schema.Pattern != nil {
			message += ": it has no unit"
		}
	case *kind.MinItems:
		message = subject(at) + " is an empty list"
	case *kind.MinLength:
		message, hint = subject(at)+" is empty", "give it a value, or remove the line"
	case *kind.MaxItems:
		message = fmt.Sprintf("%s has %d items; at most %d are allowed", subject(at), k.Got, k.Want)
		hint = "split it into several jobs"
	case *kind.MinProperties:
		message = subject(at) + " is empty"
	case *kind.UniqueItems:
		message = fmt.Sprintf("%s says the same twice", subject(at))
		hint = "remove one of the two"
		at = slices.Concat(at, []string{strconv.Itoa(k.Duplicates[1])})
	}
	e.add(at, CodeInvalid, message, hint)
}

// example writes "name: value" as it could stand in a manifest.
func example(name string, schema *jsonschema.Schema) string {
	if ex := firstExample(schema); ex != "" {
		return fmt.Sprintf("`%s: %s`", name, ex)
	}
	return "`" + name + "`"
}

func writeOne(schema *jsonschema.Schema) string {
	if ex := firstExample(schema); ex != "" {
		return "write it like " + ex
	}
	return ""
}

func firstExample(schema *jsonschema.Schema) string {
	for ; schema != nil; schema = schema.Ref {
		if len(schema.Examples) > 0 {
			if s, plain := schema.Examples[0].(string); plain && !strings.ContainsAny(s, " *@\n:") {
				return s
			}
			text, err := json.Marshal(schema.Examples[0])
			if err == nil {
				return string(text)
			}
		}
	}
	return ""
}
