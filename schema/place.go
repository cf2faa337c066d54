package schema

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaAt follows a value's location through the schema. It returns the subschema as it
// is referred to, so that its own examples come before those of the definition.
func (e *explainer) schemaAt(location []string) *jsonschema.Schema {
	schema := compiled()
	for i, key := range location {
		s := resolve(schema)
		if of := e.ofKind(key); i == 0 && of != nil {
			schema = of
			continue
		}
		if s == nil {
			return nil
		}
		if next := s.Properties[key]; next != nil {
			schema = next
		} else if next, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			schema = next
		} else {
			schema = s.Items2020
		}
	}
	return schema
}

// ofKind is what the schema says of a field of the manifest's kind alone, nil if all kinds have
// it alike.
func (e *explainer) ofKind(field string) *jsonschema.Schema {
	if e.branches == nil {
		e.branches = []*jsonschema.Schema{}
		for _, branch := range compiled().AllOf {
			if branch.If.Validate(e.value) == nil {
				e.branches = append(e.branches, branch.Then)
			}
		}
	}
	for _, branch := range e.branches {
		if says := branch.Properties[field]; says != nil && says.Ref != nil {
			return says
		}
	}
	return nil
}

func (e *explainer) valueAt(location []string) any {
	value := e.value
	for _, key := range location {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		}
	}
	return value
}

// named finds the object that has the property and the rule for its properties' names.
// The library's own location of such an error cannot be used: it is shared with, and
// overwritten by, what is validated next.
func (e *explainer) named(rule, property string, at []string) (location []string, schema *jsonschema.Schema) {
	object, _ := e.valueAt(at).(map[string]any)
	if schema = resolve(e.schemaAt(at)); object == nil || schema == nil {
		return nil, nil
	}
	if _, has := object[property]; has && schema.PropertyNames != nil && schema.PropertyNames.Location == rule {
		return at, schema
	}
	for key := range object {
		if location, schema = e.named(rule, property, append(slices.Clip(at), key)); schema != nil {
			return location, schema
		}
	}
	return nil, nil
}

func resolve(schema *jsonschema.Schema) *jsonschema.Schema {
	for schema != nil && schema.Ref != nil {
		schema = schema.Ref
	}
	return schema
}

func property(schema *jsonschema.Schema, name string) *jsonschema.Schema {
	if schema = resolve(schema); schema == nil {
		return nil
	}
	return schema.Properties[name]
}

// place names an object in a sentence: "the manifest", "spec.run".
func place(location []string) string {
	if len(location) == 0 {
		return "the manifest"
	}
	return strings.Join(location, ".")
}

// subject names a value in a sentence: "timeout", or "item 2 of command".
func subject(location []string) string {
	if n, err := strconv.Atoi(last(location)); err == nil && len(location) > 1 {
		return "item " + strconv.Itoa(n+1) + " of " + subject(location[:len(location)-1])
	}
	if len(location) == 0 {
		return "the manifest"
	}
	return last(location)
}

func last(location []string) string {
	if len(location) == 0 {
		return ""
	}
	return location[len(location)-1]
}

// describe shows a value in a message: a scalar itself, anything else by its kind.
func describe(value any, got string) string {
	switch v := value.(type) {
	case nil:
		return "empty"
	case string:
		return Quote(v)
	case bool:
		return "the truth value " + strconv.FormatBool(v)
	case int64:
		return "the number " + strconv.FormatInt(v, 10)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return got
}

// Quote shows a word of the manifest in a message, at most 60 characters of it and
// nothing that a terminal would act on.
func Quote(word string) string {
	const most = 60
	if utf8.RuneCountInString(word) > most {
		word = string([]rune(word)[:most]) + "…"
	}
	return strconv.Quote(word)
}
