package manifests

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// readAsTheLibrary reports whether plainTree reads a text, and fails if the library reads it
// otherwise: other values, other places, or something wrong with it.
func readAsTheLibrary(t require.TestingT, text string) bool {
	if !plainText(text) {
		return false
	}
	quick := &document{reader: &reader{}, piece: piece{text: text}}
	body, ok := plainTree(text)
	if !ok {
		return false
	}
	quick.body = body
	slow := &document{reader: &reader{}, piece: piece{text: text}}
	tokens, ok := slow.tokenize()
	require.True(t, ok, "refused by the lexer: %v\n%s", slow.problems, text)
	slow.body, ok = slow.parse(tokens)
	require.True(t, ok, "refused by the parser: %v\n%s", slow.problems, text)
	require.NotNil(t, slow.body, text)
	value := quick.value(quick.body, nil)
	require.Equal(t, slow.value(slow.body, nil), value, text)
	require.Equal(t, slow.problems, quick.problems, text)
	for _, at := range append(placesOf(value, nil), []string{"metadata", "none"}, []string{"none"}) {
		for _, wantKey := range []bool{false, true} {
			line, column := quick.position(find(quick.body, at, wantKey))
			wantLine, wantColumn := slow.position(find(slow.body, at, wantKey))
			require.Equal(t, [2]int{wantLine, wantColumn}, [2]int{line, column}, "%v, key %t, of:\n%s", at, wantKey, text)
		}
	}
	return true
}

// placesOf are the keys that lead to every value inside of one, and to it.
func placesOf(value any, at []string) (all [][]string) {
	all = append(all, at)
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			all = append(all, placesOf(inner, append(at[:len(at):len(at)], key))...)
		}
	case []any:
		for i, inner := range v {
			all = append(all, placesOf(inner, append(at[:len(at):len(at)], strconv.Itoa(i)))...)
		}
	}
	return all
}

// corpus is every manifest of the testdata and the examples.
func corpus(t testing.TB) (texts []string) {
	t.Helper()
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml", "../examples/*/*.yaml", "../examples/*/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, p := range split(strings.ReplaceAll(string(data), "\r\n", "\n")) {
				if len(p.text) < 4<<10 {
					texts = append(texts, p.text)
				}
			}
		}
	}
	return texts
}

func TestWhatIsPlainIsReadAsTheLibraryReadsIt(t *testing.T) {
	t.Parallel()
	read, all := 0, corpus(t)
	for _, text := range all {
		if readAsTheLibrary(t, text) {
			read++
		}
	}
	require.Greater(t, read, len(all)/2, "most manifests are plain")
}

func TestManifestsAsPeopleWriteThemArePlain(t *testing.T) {
	t.Parallel()
	for situation, text := range map[string]string{
		"comments":               "# a\n---\n  # b\na: b # c\n# d\nc: d#e\n  # f\n",
		"quotes":                 "a: \"b: c # d\" # e\nf: 'it''s'\ng: ''\nh: \"\"\n",
		"lists":                  "a:\n- b\n- 'c'\nd:\n  - e f\n  # g\n  - [h, 1]\n  - {i: j}\nk: [l, \"m, n\", 'o']\n",
		"mappings":               "a:\n    b:\n      c: d\n    e: f\ng: {h: i, j: {k: [l, m]}, n: \"o\"}\n",
		"a block":                "a: |\n  b # c\n\n    d\n  e\nf: |-\n  g\n\n\n# h\ni: j\n",
		"a block at the end":     "a:\n  b: |\n    c: d\n     - e\n",
		"what looks like others": "a: 1\nb: true\nc: 1.5\nd: 0x1f\ne: 2026-01-01\nf: -x\ng: --y=1\nh: a:b\ni: http://x.example/y?z=1#w\nj: .5\nk: $HOME/x\nl: 10KiB\nm: x,y\n",
		"in brackets":            "a: [--b=c, -d, e/f, s3://g/h, 10m, user@example.com, i:1, 50%]\nj: {k: l:m:n, o: [p://q, r@s], t: http://u:80/v?w=x&y}\n",
		"blanks":                 "\n\na: \"b\"   \n\n\nc:   d\n   \ne: f",
		"keys":                   "a-b: c\nd.e/f: g\nA_B: {h/i: j}\n",
	} {
		require.True(t, readAsTheLibrary(t, text), situation)
	}
}

func TestWhatIsNotPlainIsLeftToTheLibrary(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "# a\n", "---\n", "a:\n", "a: ~\n", "a: null\n", "a: NULL\n", "a: &b c\n", "a: *b\n", "a: !!str b\n", "<<: b\n", "? a\n: b\n", "a: >\n  b\n",
		"a: |2\n    b\n", "a: |\n\n  b\n", "a: \"b\\n\"\n", "a: \"b\n  c\"\n", "a: b\n  c\n", "a: b: c\n", "a: b:\n", "a:b\n", "a: [b,\n  c]\n", "a: []\n", "a: {}\n",
		"a: [b c: d]\n", "a: {b:c}\n", "a: {b: [/:c]}\n", "a: {b: [0:0]}\n", "a: {b}\n", "- a\n", "a:\n  - b: c\n", "a:\n  - - b\n", "a:\n  -\n", "a:\tb\n", "a: \"b\"c\n", "a: 'b' #\n'c'\n", "a: ---\n", "a: ...\n",
		" a: b\n", "a: b\n c: d\n", "a:\n  b: c\n d: e\n", "1: a\n", "a: é\n", "a: @b\n", "a: `b`\n", "a: %b\n", "a: 'b\n", "a: [b\n", "a: [b]]\n", "a: [b] c\n", strings.Repeat("a", 200) + ": b\n",
		"a: " + strings.Repeat("[", 9) + "b" + strings.Repeat("]", 9) + "\n",
	} {
		if !plainText(text) {
			continue
		}
		_, ok := plainTree(text)
		require.False(t, ok, text)
	}
}

// TestAManifestWithFaultsIsReadAsTheLibraryReadsIt puts what means something in YAML into
// manifests, anywhere.
func TestAManifestWithFaultsIsReadAsTheLibraryReadsIt(t *testing.T) {
	t.Parallel()
	texts := corpus(t)
	pieces := []string{"\n", "\n\n", "  ", " ", ": ", ":", "- ", "-", "#", " # x", "'", "''", "\"", "[", "]", "{", "}", ", ", ",", "|", "|-", ">", "&a ", "*a", "!", "?", "? ", "%", "@", "`", "\\",
		"---\n", "...\n", "...", "~", "null", "true", "1", "0x1", ".5", "-1", "a: b", "a:\n", "x", "/", "=", "<", "<<: ", "$", "(", "+", "\n  ", "\n    ", "\n- "}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(texts).Draw(t, "manifest")
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			from := rapid.IntRange(0, len(text)).Draw(t, "from")
			to := min(len(text), from+rapid.IntRange(0, 3).Draw(t, "without"))
			text = text[:from] + rapid.SampledFrom(pieces).Draw(t, "piece") + text[to:]
		}
		for _, p := range split(text + "\n") {
			readAsTheLibrary(t, p.text)
		}
	})
}

// FuzzPlain: what plainTree reads, the library reads alike.
func FuzzPlain(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			return
		}
		for _, p := range split(strings.TrimSuffix(text, "\n") + "\n") {
			readAsTheLibrary(t, p.text)
		}
	})
}

func TestAPlainManifestIsReadWithoutTheLibrary(t *testing.T) {
	data, err := os.ReadFile("testdata/good/everything.yaml")
	require.NoError(t, err)
	allocations := testing.AllocsPerRun(50, func() { Decode("a.yaml", data) })
	require.Less(t, allocations, 600.0, "the library alone takes more than a thousand")
}
