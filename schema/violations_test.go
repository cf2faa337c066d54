package schema_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/schema"
)

var update = flag.Bool("update", false, "write testdata/violations.txt anew")

// TestEveryFieldRefusesWhatItCannotBe reads testdata/violations.txt: a comment names the
// situation, a line "PATH = JSON" changes a good manifest (no JSON removes the field), and
// the indented lines are all that is wrong with it then.
func TestEveryFieldRefusesWhatItCannotBe(t *testing.T) {
	const file = "testdata/violations.txt"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var got strings.Builder
	for _, situation := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		manifest := job(func(map[string]any) {})
		for line := range strings.Lines(situation) {
			if strings.HasPrefix(line, " ") {
				continue
			}
			got.WriteString(strings.TrimSpace(line) + "\n")
			if path, value, changes := strings.Cut(line, " ="); changes && !strings.HasPrefix(line, "#") {
				set(t, manifest, strings.Split(path, "."), strings.TrimSpace(value))
			}
		}
		for _, v := range schema.Validate(manifest) {
			at := v.Pointer
			if v.AtKey {
				at += " (the key)"
			}
			fmt.Fprintf(&got, "  %s %s: %s\n", v.Code, at, v.Message)
			if v.Hint != "" {
				fmt.Fprintf(&got, "    %s\n", v.Hint)
			}
		}
		got.WriteString("\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(strings.TrimSpace(got.String())+"\n"), 0o644))
	}
	require.Equal(t, strings.TrimSpace(string(text)), strings.TrimSpace(got.String()))
}

// set changes a field of a manifest, or removes it.
func set(t *testing.T, object map[string]any, path []string, text string) {
	t.Helper()
	for _, key := range path[:len(path)-1] {
		inner, ok := object[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[key] = inner
		}
		object = inner
	}
	last := path[len(path)-1]
	if text == "" {
		delete(object, last)
		return
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value), text)
	object[last] = plain(value)
}

// plain gives numbers the types that a manifest's have.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // JSON has accepted it
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = plain(v[key])
		}
	}
	return value
}
