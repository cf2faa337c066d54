// Package schema is the published JSON Schema of a manifest and the validator that reads
// it: a value goes in, violations at JSON Pointers come out, in words for a person.
//
// What a schema cannot say (that a schedule has a next run, that a zone exists, that a
// job is not there twice) is judged by package manifests. schema imports the root and
// the library that it wraps, whose own wording never leaves this package.
package schema

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ID is the address under which the schema is published, and its $id.
const ID = "https://crontopus.dev/schema/v1/manifest.json"

//go:embed manifest.json
var manifest []byte

// JobSchema returns the published document, a JSON Schema of draft 2020-12.
func JobSchema() []byte { return slices.Clone(manifest) }

// Validate checks a decoded manifest (maps, slices, strings, booleans, int64, float64, nil)
// that nothing is added to any more, and returns everything that is wrong with it, ordered
// by pointer.
func Validate(value any) []Violation { return validate(value, true) }

// ValidatePart is Validate for what Defaults may still add to, and for Defaults: what a job
// must say may be missing. The published schema is this one, because an editor knows
// nothing of other files.
func ValidatePart(value any) []Violation { return validate(value, false) }

func validate(value any, whole bool) []Violation {
	e := explainer{value: value}
	if !accepts(value) {
		if err := compiled().Validate(value); err != nil {
			invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
			if !ok { // the value holds a type that no manifest decodes to
				return []Violation{{Code: CodeWrongType, Message: "the document holds a value that JSON does not have"}}
			}
			e.explain(invalid)
		}
	}
	if whole {
		e.findMissing()
	}
	slices.SortStableFunc(e.violations, Violation.compare)
	return e.violations
}

// compiled compiles the schema when it is first needed, so that a program which never
// validates does not pay for it.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.UseLoader(closedLoader{})
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifest))
	if err == nil {
		err = c.AddResource(ID, doc)
	}
	if err != nil {
		panic(fmt.Sprintf("schema: the embedded schema is damaged: %v", err))
	}
	return c.MustCompile(ID)
})

// closedLoader refuses every address: a schema that is not embedded is not read. The
// library's own default would open file:// addresses.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("schema: %s is not embedded and is not fetched", url)
}
