package schema

import (
	"bytes"
	"encoding/json"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// TwinID is the address of the schema's twin of draft 7, which editors read.
const TwinID = "https://crontopus.dev/schema/v1/manifest.draft-07.json"

// Twin returns the schema in the words of draft 7: it accepts and refuses the same. There a
// reference has nothing beside it, so that what a field says of itself and what it refers
// to become one.
func Twin() ([]byte, error) {
	twin, err := draft7(ordered())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(twin.with("$schema", "http://json-schema.org/draft-07/schema#").with("$id", TwinID))
	return b.Bytes(), err
}

// draft7 translates one schema.
func draft7(o object) (object, error) {
	if o.text("$ref") != "" && len(o) > 1 {
		o = deref(o)
	}
	out := object{}
	for _, m := range o {
		name, value, err := draft7Keyword(m.name, m.value)
		if err != nil {
			return nil, err
		}
		out = append(out, member{name, value})
	}
	return out, nil
}

func draft7Keyword(name string, value any) (string, any, error) {
	switch name {
	case "$schema", "$id", "$comment", "title", "description", "default", "examples", "readOnly", "writeOnly",
		"type", "const", "enum", "required", "pattern", "format", "minimum", "maximum", "multipleOf",
		"exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
		"uniqueItems", "minProperties", "maxProperties":
		return name, value, nil
	case "$ref":
		return name, strings.Replace(value.(string), "#/$defs/", "#/definitions/", 1), nil
	case "dependentRequired":
		return "dependencies", value, nil
	case "$defs":
		value, err := draft7Each(value)
		return "definitions", value, err
	case "properties", "patternProperties", "allOf", "anyOf", "oneOf":
		value, err := draft7Each(value)
		return name, value, err
	case "items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else":
		value, err := draft7Any(value)
		return name, value, err
	}
	return "", nil, crontopus.Errorf(crontopus.CodeUnsupported, "draft 7 of JSON Schema has no keyword %s", name).
		WithHint("say it in other words, or teach schema/draft07.go")
}

// draft7Each translates every schema of a list, or of an object that names them.
func draft7Each(value any) (any, error) {
	if named, isObject := value.(object); isObject {
		out := object{}
		for _, m := range named {
			each, err := draft7Any(m.value)
			if err != nil {
				return nil, err
			}
			out = append(out, member{m.name, each})
		}
		return out, nil
	}
	out := []any{}
	list, _ := value.([]any)
	for _, s := range list {
		each, err := draft7Any(s)
		if err != nil {
			return nil, err
		}
		out = append(out, each)
	}
	return out, nil
}

func draft7Any(value any) (any, error) {
	if o, isObject := value.(object); isObject {
		return draft7(o)
	}
	return value, nil // true or false
}
