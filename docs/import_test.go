package docs_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests/importer"
)

// TestTheExampleOfAnImportIsWhatComesOut imports the page's crontab: the manifest behind it is
// the one that is made of it.
func TestTheExampleOfAnImportIsWhatComesOut(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("import.md")
	require.NoError(t, err)
	var crontab, manifest, proof string
	for _, b := range (page{"docs/import.md", string(text)}).blocks() {
		switch b.language {
		case "crontab":
			crontab = b.text
		case "yaml":
			manifest = b.text
		case "json":
			proof = b.text
		}
	}
	options := importer.Options{
		Target: crontopus.Target{Labels: map[string]string{"role": "db"}}, Timezone: crontopus.TimezoneHost,
		Now: time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC),
	}
	input := importer.Input{Name: "app.crontab", Data: []byte(crontab), Owner: "app"}
	result, err := importer.Import(importer.Crontab, []importer.Input{input}, options)
	require.NoError(t, err)
	require.Len(t, result.Jobs, 1)
	require.Equal(t, manifest, result.Jobs[0].Manifest)

	options.Timezone = "Europe/Berlin"
	result, err = importer.Import(importer.Crontab, []importer.Input{input}, options)
	require.NoError(t, err)
	var shown struct{ Proof *importer.Proof }
	require.NoError(t, json.Unmarshal([]byte("{"+proof+"}"), &shown))
	require.Equal(t, result.Jobs[0].Proof, shown.Proof)
}
