package manifests_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// FuzzDecode: whatever the input, Decode ends soon, says the same twice, places every
// problem inside the file, and what it accepts survives the way through JSON.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			if len(data) < 4<<10 {
				f.Add(data)
			}
		}
	}
	for _, c := range hostile {
		if len(c.text) < 4<<10 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		began := time.Now()
		docs, problems := manifests.Decode("fuzz.yaml", data)
		require.Less(t, time.Since(began), 2*time.Second)
		again, problemsAgain := manifests.Decode("fuzz.yaml", slices.Clone(data))
		require.Equal(t, docs, again)
		require.Equal(t, problems, problemsAgain)
		for _, p := range problems {
			require.Contains(t, manifests.Codes(), p.Code)
			require.NotEmpty(t, p.Message)
			require.True(t, utf8.ValidString(p.Message+p.Hint+p.Path))
			require.Positive(t, p.Line)
			require.Positive(t, p.Column)
			require.LessOrEqual(t, p.Line, 1+len(data))
		}
		for _, doc := range docs {
			text, err := json.Marshal(doc.Job)
			require.NoError(t, err)
			var back crontopus.Job
			require.NoError(t, json.Unmarshal(text, &back))
			require.Equal(t, doc.Job.Digest(), back.Digest())
		}
	})
}
