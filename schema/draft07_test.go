package schema_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/schema"
)

const twinFile = "manifest.draft-07.json"

// TestTheTwinIsWhatTheSchemaSays compares the published twin with what the schema makes of it.
func TestTheTwinIsWhatTheSchemaSays(t *testing.T) {
	t.Parallel()
	twin, err := schema.Twin()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(twinFile, twin, 0o644))
	}
	published, err := os.ReadFile(twinFile)
	require.NoError(t, err)
	require.True(t, bytes.Equal(published, twin), "%s is not what the schema says: run make generate", twinFile)
}

// TestTheTwinAcceptsAndRefusesTheSame asks both for their opinion on every manifest that the
// tests have, and on each with a field less.
func TestTheTwinAcceptsAndRefusesTheSame(t *testing.T) {
	t.Parallel()
	twin, err := schema.Twin()
	require.NoError(t, err)
	newer, older := compile(t, schema.ID, schema.JobSchema()), compile(t, schema.TwinID, twin)
	require.Equal(t, 2020, newer.DraftVersion)
	require.Equal(t, 7, older.DraftVersion)
	accepted, refused := 0, 0
	for text, value := range corpus(t) {
		lessOne(value, func() {
			good := newer.Validate(value) == nil
			require.Equal(t, good, older.Validate(value) == nil, text)
			if good {
				accepted++
			} else {
				refused++
			}
		})
	}
	require.Greater(t, accepted, 50)
	require.Greater(t, refused, 300)
}

// lessOne calls check with the value as it is, and without each of its fields in turn.
func lessOne(value any, check func()) {
	check()
	if m, isObject := value.(map[string]any); isObject {
		for _, key := range keys(m) {
			field := m[key]
			delete(m, key)
			check()
			m[key] = field
			lessOne(field, check)
		}
	}
}

func keys(m map[string]any) (all []string) {
	for key := range m {
		all = append(all, key)
	}
	return all
}

// compile reads a document as its own $schema says, and nothing else.
func compile(t *testing.T, id string, document []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	require.Equal(t, id, doc.(map[string]any)["$id"])
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	c.AssertVocabs()
	require.NoError(t, c.AddResource(id, doc))
	compiled, err := c.Compile(id)
	require.NoError(t, err)
	return compiled
}
