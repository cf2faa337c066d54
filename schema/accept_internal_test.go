package schema

import (
	"encoding/json"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRulesKnowEveryKeywordOfThePublishedSchema(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(manifest, &doc))
	_, unknown := ruleOf(doc)
	require.Empty(t, unknown, "without these in accept.go every manifest costs ten times as much")
}

func TestASchemaBeyondTheRulesAcceptsNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"not": {"contains": {}}}`, `{"$ref": "https://example.com/other.json"}`, `{"$ref": "#/$defs/none"}`, `{"pattern": "("}`, `{"minimum": "1"}`} {
		var doc map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &doc))
		_, unknown := ruleOf(doc)
		require.NotEmpty(t, unknown, text)
	}
}

// TestRulesAcceptWhatTheLibraryAccepts changes manifests that have every field, at any place
// and to anything, and asks both.
func TestRulesAcceptWhatTheLibraryAccepts(t *testing.T) {
	t.Parallel()
	var wholes []any
	for _, text := range wholeManifests(t) {
		var whole any
		require.NoError(t, json.Unmarshal(text, &whole))
		wholes = append(wholes, whole)
	}
	seen := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		value := copied(rapid.SampledFrom(wholes).Draw(t, "manifest"))
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			value = changed(t, value, scraps(wholes))
		}
		refused := compiled().Validate(value)
		seen[refused == nil]++
		require.Equal(t, refused == nil, accepts(value), "the library says: %v", refused)
		require.Equal(t, refused == nil, len(ValidatePart(value)) == 0)
	})
	require.Greater(t, seen[true], 5, "both answers are met")
	require.Greater(t, seen[false], 5)
}

// wholeManifests are the examples of the schema itself, put together, and what the tests of
// violations begin with.
func wholeManifests(t *testing.T) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/whole.json")
	require.NoError(t, err)
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &list))
	var wholes [][]byte
	for _, raw := range list {
		wholes = append(wholes, raw)
	}
	return wholes
}

// changed returns the value with one place of it removed, replaced or added to.
func changed(t *rapid.T, value any, pieces []any) any {
	switch v := value.(type) {
	case map[string]any:
		names := keysOf(v)
		if len(names) == 0 || rapid.IntRange(0, 9).Draw(t, "here") == 0 {
			v[rapid.SampledFrom(fieldNames).Draw(t, "new field")] = anything(t, pieces)
			return v
		}
		name := rapid.SampledFrom(sorted(names)).Draw(t, "field")
		if rapid.IntRange(0, 9).Draw(t, "remove") == 0 {
			delete(v, name)
			return v
		}
		v[name] = changed(t, v[name], pieces)
		return v
	case []any:
		if len(v) > 0 && rapid.Bool().Draw(t, "inside") {
			i := rapid.IntRange(0, len(v)-1).Draw(t, "item")
			v[i] = changed(t, v[i], pieces)
			return v
		}
		return append(v, anything(t, pieces))
	}
	return anything(t, pieces)
}

var words = regexp.MustCompile(`[A-Za-z]+`)

// fieldNames are all words of the schema, and some that no field is called.
var fieldNames = append(sorted(words.FindAllString(string(manifest), -1)), "", "a b", "fact/os", "1X", strings.Repeat("x", 70))

// anything is a piece of another manifest, or a value that some keyword is about.
func anything(t *rapid.T, pieces []any) any {
	switch rapid.IntRange(0, 3).Draw(t, "kind of value") {
	case 0:
		return copied(rapid.SampledFrom(pieces).Draw(t, "piece"))
	case 1:
		return rapid.SampledFrom([]any{nil, true, false, int64(0), int64(-1), int64(1), int64(255), int64(256), int64(1 << 60), 0.0, 1.0, 1.5, -0.5,
			"", "a", "A", "-", "0", "45m", "1.5h", "10KiB", "host", "/x", "file:/x", "é", strings.Repeat("é", 253), strings.Repeat("x", 254), strings.Repeat("x", 5000),
			[]any{}, []any{"a", "a"}, []any{int64(1), 1.0}, []any{nil}, map[string]any{}, map[string]any{"a": "b"}}).Draw(t, "value")
	case 2:
		return rapid.StringN(0, 12, 40).Draw(t, "text")
	}
	return rapid.Int64Range(-2, 300).Draw(t, "number")
}

// scraps are all values inside of values.
func scraps(values []any) (all []any) {
	for _, value := range values {
		all = append(all, value)
		switch v := value.(type) {
		case map[string]any:
			for _, name := range sorted(keysOf(v)) {
				all = append(all, scraps([]any{v[name]})...)
			}
		case []any:
			all = append(all, scraps(v)...)
		}
	}
	return all
}

func keysOf(m map[string]any) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// copied is a value that shares nothing with this one, with numbers as manifests have them.
func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, inner := range v {
			m[name] = copied(inner)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, inner := range v {
			list[i] = copied(inner)
		}
		return list
	case float64:
		if v == math.Trunc(v) {
			return int64(v)
		}
	}
	return value
}
