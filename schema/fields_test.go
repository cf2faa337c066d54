package schema_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schema"
)

// kinds are all that the schema knows.
func kinds(t *testing.T) []string {
	t.Helper()
	var doc struct {
		Properties struct {
			Kind struct {
				Const string
				Enum  []string
			}
		}
	}
	require.NoError(t, json.Unmarshal(schema.JobSchema(), &doc))
	names := doc.Properties.Kind.Enum
	if doc.Properties.Kind.Const != "" {
		names = append(names, doc.Properties.Kind.Const)
	}
	require.Contains(t, names, crontopus.KindJob)
	return names
}

// walk visits every field of a kind, with its path.
func walk(path []string, fields []schema.Field, visit func(path []string, f schema.Field)) {
	for _, f := range fields {
		at := append(slices.Clip(path), f.Name)
		visit(at, f)
		walk(at, f.Fields, visit)
	}
}

// TestEditorsCanHelpWithEveryField: whoever points at a field reads what it is for, and sees
// how it is written.
func TestEditorsCanHelpWithEveryField(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		n := 0
		walk(nil, schema.Fields(kind), func(path []string, f schema.Field) {
			n++
			at := kind + schema.Pointer(path...)
			require.NotEmpty(t, f.Description, "%s has no description", at)
			require.NotEmpty(t, f.Examples, "%s has no examples", at)
			require.True(t, len(f.Types) > 0 || len(f.Choices) > 0, "%s has no type", at)
		})
		require.Greater(t, n, 20)
	}
}

func TestFieldsComeInTheOrderOfTheSchema(t *testing.T) {
	t.Parallel()
	names := func(fields []schema.Field) (all []string) {
		for _, f := range fields {
			all = append(all, f.Name)
		}
		return all
	}
	job := schema.Fields(crontopus.KindJob)
	require.Equal(t, []string{"apiVersion", "kind", "metadata", "spec"}, names(job))
	require.Equal(t, []string{"name", "namespace", "description", "labels", "annotations"}, names(job[2].Fields))
	require.True(t, job[2].Fields[0].Required)
	require.False(t, job[2].Fields[1].Required)
	require.Nil(t, schema.Fields("Dream"))
	require.Nil(t, schema.Fields(""))
}

// TestExamplesAreValid puts every example of a field into a manifest in which it may stand.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	walk(nil, schema.Fields(crontopus.KindJob), func(path []string, f schema.Field) {
		examples := f.Examples
		if f.Default != nil {
			examples = append(slices.Clip(examples), f.Default)
		}
		for _, example := range examples {
			manifest := job(func(map[string]any) {})
			var object any = manifest
			for _, key := range path[:len(path)-1] {
				m := object.(map[string]any)
				if m[key] == nil {
					m[key] = map[string]any{}
				}
				object = m[key]
			}
			object.(map[string]any)[f.Name] = decoded(t, example)
			switch at := schema.Pointer(path...); at { // what must or must not stand beside it
			case "/spec/target/labels", "/spec/target/agents":
				delete(object.(map[string]any), "all")
			case "/spec/every":
				delete(object.(map[string]any), "schedule")
				delete(object.(map[string]any), "run")
				object.(map[string]any)["target"] = map[string]any{"ping": true}
			case "/spec/target/ping":
				delete(object.(map[string]any), "all")
				delete(manifest["spec"].(map[string]any), "run")
			case "/spec":
				if object.(map[string]any)["spec"].(map[string]any)["run"] == nil {
					continue
				}
			case "/spec/target":
				if object.(map[string]any)["target"].(map[string]any)["ping"] != nil {
					delete(object.(map[string]any), "run")
				}
			case "/spec/run/script":
				delete(object.(map[string]any), "command")
			case "/spec/run/shell":
				delete(object.(map[string]any), "command")
				object.(map[string]any)["script"] = "true\n"
			case "/spec/run/retries/backoff", "/spec/run/retries/maxBackoff":
				object.(map[string]any)["limit"] = int64(1)
			}
			require.Empty(t, schema.Validate(manifest), "%v at %v", example, path)
		}
	})
}

// decoded is a value of the schema as a manifest's would be.
func decoded(t *testing.T, value any) any {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return plain(v)
}

// dependent are defaults that a job gets from its other fields, and that no schema can say.
var dependent = []string{
	"/spec/monitor/maxDuration", // run.timeout
}

// TestDefaultsAreThoseThatAJobGets compares each default with what SetDefaults sets, both ways.
func TestDefaultsAreThoseThatAJobGets(t *testing.T) {
	t.Parallel()
	empty := crontopus.Job{Spec: crontopus.JobSpec{Run: crontopus.RunSpec{Script: "true\n", Timeout: 1, Retries: &crontopus.Retries{}}}}
	set := empty
	set.Spec.Run.Retries = &crontopus.Retries{}
	set.SetDefaults()
	before, after := asJSON(t, empty), asJSON(t, set)
	walk(nil, schema.Fields(crontopus.KindJob), func(path []string, f schema.Field) {
		at := schema.Pointer(path...)
		if f.Fields != nil || slices.Contains(dependent, at) {
			return
		}
		got, changed := within(after, path), !reflect.DeepEqual(within(before, path), within(after, path))
		if f.Default == nil {
			require.False(t, changed, "a job gets %v as %s, and the schema does not say so", got, at)
			return
		}
		want := decoded(t, f.Default)
		if want == false || want == "0s" { // the zero value, which is left out
			require.Nil(t, got, at)
			return
		}
		require.Equal(t, want, plain(got), "the default of %s", at)
	})
}

func asJSON(t *testing.T, job crontopus.Job) any {
	t.Helper()
	data, err := json.Marshal(job)
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return v
}

func within(value any, path []string) any {
	for _, key := range path {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

// corpus is what all documents of manifests' testdata decode to, good and bad.
func corpus(t *testing.T) map[string]any {
	t.Helper()
	values := map[string]any{}
	names, _, err := manifests.Files(os.DirFS("../manifests/testdata"), ".")
	require.NoError(t, err)
	for _, name := range names {
		data, err := os.ReadFile("../manifests/testdata/" + name)
		require.NoError(t, err)
		texts, _ := manifests.Texts(name, data)
		for _, text := range texts {
			values[text.Body] = text.Value
		}
	}
	return values
}
