package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/schema"
)

// job returns a good manifest, changed.
func job(change func(spec map[string]any)) map[string]any {
	spec := map[string]any{
		"schedule": "@daily",
		"target":   map[string]any{"all": true},
		"run":      map[string]any{"command": []any{"/bin/true"}},
	}
	change(spec)
	return map[string]any{
		"apiVersion": "crontopus.dev/v1", "kind": "Job",
		"metadata": map[string]any{"name": "a"}, "spec": spec,
	}
}

func TestAGoodManifestHasNoViolations(t *testing.T) {
	t.Parallel()
	require.Empty(t, schema.Validate(job(func(map[string]any) {})))
}

func TestViolationsAreInOurWords(t *testing.T) {
	t.Parallel()
	run := func(key string, value any) func(map[string]any) {
		return func(spec map[string]any) { spec["run"].(map[string]any)[key] = value }
	}
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		want   schema.Violation
	}{
		{
			"a typo", func(spec map[string]any) { spec["timezne"] = "UTC" },
			schema.Violation{Pointer: "/spec/timezne", AtKey: true, Code: schema.CodeUnknownField, Message: `spec has no field "timezne"`, Hint: "did you mean `timezone`?"},
		},
		{
			"a field of another object", func(spec map[string]any) { spec["script"] = "true" },
			schema.Violation{Pointer: "/spec/script", AtKey: true, Code: schema.CodeUnknownField, Message: `spec has no field "script"`, Hint: "script belongs in spec.run"},
		},
		{
			"a field that is missing", func(spec map[string]any) { delete(spec, "schedule") },
			schema.Violation{Pointer: "/spec", Code: schema.CodeMissingField, Message: "spec lacks schedule", Hint: "add `schedule: \"30 2 * * *\"`"},
		},
		{
			"a number for a text", run("user", int64(1000)),
			schema.Violation{Pointer: "/spec/run/user", Code: schema.CodeWrongType, Message: "user must be text, not the number 1000", Hint: schema.HintQuote},
		},
		{
			"a bad name among good ones", run("environment", map[string]any{"A": "x", "B-C": "y", "D": "z"}),
			schema.Violation{Pointer: "/spec/run/environment/B-C", AtKey: true, Code: schema.CodeInvalid, Message: `"B-C" is not the name of a variable: letters, digits and underscores, not beginning with a digit`, Hint: `write it like {"TARGET":"s3://bucket/orders"}`},
		},
		{
			"a key that a pointer must escape", run("environment", map[string]any{"a/b~c": "x"}),
			schema.Violation{Pointer: "/spec/run/environment/a~1b~0c", AtKey: true, Code: schema.CodeInvalid, Message: `"a/b~c" is not the name of a variable: letters, digits and underscores, not beginning with a digit`, Hint: `write it like {"TARGET":"s3://bucket/orders"}`},
		},
		{
			"a secret where a reference belongs is not repeated", run("secrets", map[string]any{"TOKEN": "hunter2"}),
			schema.Violation{Pointer: "/spec/run/secrets/TOKEN", Code: schema.CodeInvalid, Message: "TOKEN is not a reference to a secret", Hint: `write it like "file:/etc/crontopus/secrets/db"`},
		},
		{
			"a word that is nearly one of those allowed", run("concurrency", "alow"),
			schema.Violation{Pointer: "/spec/run/concurrency", Code: schema.CodeInvalid, Message: `"alow" is not a value of concurrency`, Hint: "did you mean `allow`?"},
		},
		{
			"two of what excludes each other", run("script", "true"),
			schema.Violation{Pointer: "/spec/run/script", AtKey: true, Code: schema.CodeInvalid, Message: "spec.run says both command and script", Hint: "write exactly one of command, script"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []schema.Violation{c.want}, schema.Validate(job(c.change)))
		})
	}
}

func TestAllViolationsComeAtOnceAndInOneOrder(t *testing.T) {
	t.Parallel()
	bad := job(func(spec map[string]any) {
		spec["run"] = map[string]any{"environment": map[string]any{"1": "x", "2": "y", "3": 4.5}, "labels": "x"}
		spec["target"] = map[string]any{"labels": map[string]any{"a b": "c", "d e": "f"}}
		spec["monitor"] = nil
	})
	first := schema.Validate(bad)
	require.Len(t, first, 9)
	for range 20 {
		require.Equal(t, first, schema.Validate(bad))
	}
}

// TestEveryFieldIsExplained keeps the published document useful to an editor.
func TestEveryFieldIsExplained(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(schema.JobSchema(), &doc))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", doc["$schema"])
	require.Equal(t, schema.ID, doc["$id"])
	defs := doc["$defs"].(map[string]any)
	fields := 0
	var walk func(at string, node map[string]any)
	walk = func(at string, node map[string]any) {
		properties, _ := node["properties"].(map[string]any)
		for name, value := range properties {
			field, described := value.(map[string]any)
			if !described {
				continue // spec, which each kind has its own of
			}
			target := field
			if ref, ok := field["$ref"].(string); ok {
				target = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
			}
			fields++
			require.True(t, field["description"] != nil || target["description"] != nil, "%s/%s has no description", at, name)
			require.True(t, field["examples"] != nil || field["default"] != nil || target["examples"] != nil || target["properties"] != nil,
				"%s/%s has neither example nor default", at, name)
			walk(at+"/"+name, target)
		}
	}
	walk("", doc)
	for name, def := range defs {
		walk(name, def.(map[string]any))
	}
	require.Greater(t, fields, 35)
}

func TestWhoGetsTheSchemaCannotChangeIt(t *testing.T) {
	t.Parallel()
	schema.JobSchema()[0] = 'x'
	require.Equal(t, byte('{'), schema.JobSchema()[0])
}

func TestPointerAndKeysAreInverse(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{nil, {"a"}, {"a/b", "c~d", "~1"}, {"", ""}} {
		require.Equal(t, keys, schema.Keys(schema.Pointer(keys...)))
	}
}
