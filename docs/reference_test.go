package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schema"
)

// TestTheReferenceIsWhatTheSchemaSays compares manifest-reference.md with the schema.
func TestTheReferenceIsWhatTheSchemaSays(t *testing.T) {
	t.Parallel()
	const name = "manifest-reference.md"
	var b strings.Builder
	b.WriteString("# Manifest reference\n\nEvery field, in the order in which `crontopus fmt` writes them. This page is made from the JSON Schema by\n" +
		"`make generate`; [manifest.md](manifest.md) tells the story, [editors.md](editors.md) how an editor shows all this as you type.\n")
	kinds := 0
	for _, kind := range []string{crontopus.KindJob, "Defaults", "AlertPolicy", "NotificationChannel", "MaintenanceWindow"} {
		if fields := schema.Fields(kind); fields != nil {
			kinds++
			fmt.Fprintf(&b, "\n## Kind %s\n", kind)
			section(&b, "", fields)
		}
	}
	require.Positive(t, kinds)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(b.String()), 0o644))
	}
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(written), "run make generate")
}

// TestTheStoryTellsEveryFieldOfAJob looks for each in the table of manifest.md, by its own name or
// behind another with which it shares a row.
func TestTheStoryTellsEveryFieldOfAJob(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("manifest.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(data), "\n## Fields\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var look func(at string, fields []schema.Field)
	look = func(at string, fields []schema.Field) {
		for _, f := range fields {
			path := strings.TrimPrefix(at+"."+f.Name, ".")
			if slices.Contains([]string{"apiVersion", "kind"}, path) { // which every example has
				continue
			}
			if len(f.Fields) > 0 {
				look(path, f.Fields)
				continue
			}
			words := regexp.MustCompile("`(" + regexp.QuoteMeta(path) + "|" + f.Name + ")(: [a-z]+)?`")
			require.Regexp(t, words, table, "%s is not in the table", path)
		}
	}
	look("", schema.Fields(crontopus.KindJob))
}

// section writes a mapping's fields as a table, and the mappings among them after it.
func section(b *strings.Builder, at string, fields []schema.Field) {
	b.WriteString("\n| field | value | default | for example | meaning |\n|---|---|---|---|---|\n")
	for _, f := range fields {
		name := "`" + f.Name + "`"
		if f.Required {
			name += " (required)"
		}
		byDefault := ""
		if f.Default != nil {
			byDefault = literal(f.Default)
		}
		example := ""
		if len(f.Fields) == 0 && len(f.Examples) > 0 && len(f.Choices) == 0 {
			example = literal(f.Examples[0])
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, valueOf(f), byDefault, example, cell(f.Description))
	}
	for _, f := range fields {
		if f.Each != nil && len(f.Each.Fields) > 0 { // a list of mappings
			fmt.Fprintf(b, "\n### `%s[]`\n\n%s\n", strings.TrimPrefix(at+"."+f.Name, "."), f.Each.Description)
			section(b, "", f.Each.Fields)
		}
		if len(f.Fields) > 0 {
			path := strings.TrimPrefix(at+"."+f.Name, ".")
			fmt.Fprintf(b, "\n### `%s`\n\n%s\n", path, f.Description)
			section(b, path, f.Fields)
		}
	}
}

var typeNames = map[string]string{"string": "text", "integer": "whole number", "boolean": "`true` or `false`", "array": "list", "object": "mapping"}

// valueOf says what a field's value may be.
func valueOf(f schema.Field) string {
	var all []string
	switch {
	case len(f.Choices) > 0:
		for _, choice := range f.Choices {
			all = append(all, literal(choice))
		}
	case f.Title != "":
		return cell(f.Title)
	default:
		for _, name := range f.Types {
			all = append(all, typeNames[name])
		}
	}
	text := strings.Join(all, " or ")
	if f.Each != nil && len(f.Choices) == 0 {
		text += " of " + strings.TrimPrefix(valueOf(*f.Each), "a ")
	}
	return text
}

// literal writes a value as it may stand in a manifest: JSON is YAML, too.
func literal(value any) string {
	if s, isText := value.(string); isText && !strings.ContainsAny(s, " *@\n:") {
		return "`" + s + "`"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return ""
	}
	return "`" + cell(strings.TrimSpace(b.String())) + "`"
}

// cell keeps a text in its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// TestTheCatalogueEntryIsOneOfSchemaStore checks schemastore.json by the rules of SchemaStore's
// catalogue: these keys and no other, and names of files that nobody else's are called by.
func TestTheCatalogueEntryIsOneOfSchemaStore(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("schemastore.json")
	require.NoError(t, err)
	var entry struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		FileMatch   []string `json:"fileMatch"`
		URL         string   `json:"url"`
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&entry))
	require.NotEmpty(t, entry.Name)
	require.NotContains(t, strings.ToLower(entry.Name+entry.Description), "schema", "the catalogue wants none")
	require.Equal(t, schema.TwinID, entry.URL)
	matches := func(name string) bool {
		for _, pattern := range entry.FileMatch {
			if !strings.Contains(pattern, "/") {
				pattern = "**/" + pattern
			}
			found, err := doublestar.Match(pattern, name)
			require.NoError(t, err)
			if found {
				return true
			}
		}
		return false
	}
	for name, ours := range map[string]bool{
		"backup.crontopus.yaml": true, "jobs/backup.crontopus.yml": true, "crontopus/backup.yaml": true, "ops/crontopus/db/backup.yml": true,
		"backup.yaml": false, "jobs/backup.yaml": false, "crontopus/README.md": false, "my-crontopus/x.yaml": false,
	} {
		require.Equal(t, ours, matches(name), name)
		if ours {
			require.True(t, manifests.Reads(name), name)
		}
	}
}
