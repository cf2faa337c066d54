package docs_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

// TestEveryEditorIsToldTheSame: the settings for each editor are of its form, name the schema that
// the page has people write, and are about the same files. What VS Code's come to is tried with the
// real language server, in package schema.
func TestEveryEditorIsToldTheSame(t *testing.T) {
	t.Parallel()
	blocks := map[string]string{}
	for _, p := range pages(t) {
		if p.name == "docs/editors.md" {
			for _, b := range p.blocks() {
				blocks[b.language] += b.text
			}
		}
	}
	const file = ".crontopus.schema.json"
	require.Contains(t, blocks["sh"], "crontopus schema --draft 7 > "+file)
	require.False(t, manifests.Reads(file), "the schema is no manifest")

	var settings struct {
		Schemas map[string][]string `json:"yaml.schemas"`
	}
	require.NoError(t, json.Unmarshal([]byte(blocks["json"]), &settings))
	globs := settings.Schemas["./"+file]
	require.NotEmpty(t, globs)
	for _, language := range []string{"lua", "toml"} {
		line := regexp.MustCompile(`['"]\./` + regexp.QuoteMeta(file) + `['"]\]? = [\[{] ?(.*?) ?[\]}]`).FindStringSubmatch(blocks[language])
		require.NotNil(t, line, language)
		require.Equal(t, strings.Join(globs, ", "), strings.NewReplacer("'", "", `"`, "").Replace(line[1]), language)
		require.Equal(t, strings.Count(blocks[language], "{"), strings.Count(blocks[language], "}"), language)
	}
	require.Contains(t, blocks["toml"], "[language-server.yaml-language-server.config.yaml.schemas]")

	decoder := xml.NewDecoder(strings.NewReader(blocks["xml"]))
	values := map[string]string{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "option" && len(e.Attr) == 2 {
			values[e.Attr[0].Value] = e.Attr[1].Value
		}
	}
	require.Equal(t, file, values["relativePathToSchema"])
	require.True(t, strings.HasPrefix(globs[0], values["path"]+"/"), values)
}
