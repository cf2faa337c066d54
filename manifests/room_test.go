package manifests_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// What is only odd, however often, hides nothing that is wrong.
func TestAnErrorBehindManyWarnings(t *testing.T) {
	const many = 250
	odd := func(doc *manifests.Document, at func(string) manifests.Place) []crontopus.Problem {
		place := at("/metadata/name")
		return []crontopus.Problem{{Severity: crontopus.SeverityWarning, Code: "odd", File: place.File, Line: place.Line, Column: place.Column}}
	}
	var file strings.Builder
	for i := range many {
		fmt.Fprintf(&file, "---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\nspec: {schedule: \"@daily\", target: {all: true}, run: {command: [x]}}\n", i)
	}
	read := func(text string) (docs, errors, warnings int) {
		f := manifests.Reader{Inspect: odd}.Alone("a.yaml", []byte(text))
		for _, p := range f.Problems {
			if p.Level() == crontopus.SeverityError {
				errors++
			} else {
				warnings++
			}
		}
		return len(f.Documents), errors, warnings
	}
	docs, errors, warnings := read(file.String())
	require.Equal(t, []int{many, 0, 200}, []int{docs, errors, warnings})
	docs, errors, warnings = read(file.String() + "---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: wrong}\nspec: {schedule: \"@daily\", target: {all: true}, run: {command: [x]}, bogus: 1}\n")
	require.Equal(t, []int{many, 1, 200}, []int{docs, errors, warnings})
}
