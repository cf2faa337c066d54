package format_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/format"
	"crontopus.dev/crontopus/schema"
)

// requireKept checks what is true of any text: formatting it twice is formatting it once,
// it says what it said, and no comment is gone. It returns the formatted text.
func requireKept(t rapid.TB, text []byte) []byte {
	t.Helper()
	formatted, problems := format.Format("a.yaml", text)
	before, unread := manifests.Texts("a.yaml", text)
	if len(problems) > 0 {
		require.Equal(t, text, formatted, "what has a problem stays as it is")
		return formatted
	}
	require.Empty(t, unread)
	again, problems := format.Format("a.yaml", formatted)
	require.Empty(t, problems)
	require.Equal(t, string(formatted), string(again), "formatted twice, from\n%s", text)
	after, problems := manifests.Texts("a.yaml", formatted)
	require.Empty(t, problems)
	require.Len(t, after, len(before))
	for i := range before {
		require.True(t, reflect.DeepEqual(before[i].Value, after[i].Value), "%v\n%v\n%s", before[i].Value, after[i].Value, formatted)
		require.ElementsMatch(t, before[i].Comments, after[i].Comments)
	}
	return formatted
}

// TestWhateverIsWrittenIsKept formats manifests that are written in all the ways that
// people have.
func TestWhateverIsWrittenIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &hand{t: t, sorted: rapid.Bool().Draw(t, "sorted")}
		w.document()
		text := w.b.String()
		if rapid.IntRange(0, 9).Draw(t, "crlf") == 0 {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		_, problems := manifests.Texts("a.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatalf("the test writes what is no YAML: %v\n%s", problems, text)
		}
		formatted, problems := format.Format("a.yaml", []byte(text))
		require.Empty(t, problems, "%s", text)
		requireKept(t, []byte(text))
		require.NotContains(t, string(formatted), "\r")
		requireOrder(t, string(formatted))
		if w.sorted { // each comment stays between those that it was between
			before, _ := manifests.Texts("a.yaml", []byte(text))
			after, _ := manifests.Texts("a.yaml", formatted)
			require.Equal(t, before[0].Comments, after[0].Comments)
		}
	})
}

// requireOrder checks that the fields of each mapping come in the schema's order, as far as lines
// of their own show it.
func requireOrder(t rapid.TB, text string) {
	t.Helper()
	last := map[int]int{}
	for line := range strings.Lines(text) {
		in := len(line) - len(strings.TrimLeft(line, " "))
		key, _, found := strings.Cut(strings.TrimSpace(line), ":")
		if in > 2 || !found {
			continue
		}
		order := []string{"apiVersion", "kind", "metadata", "spec"}
		if in == 2 {
			order = []string{"name", "namespace", "description", "labels", "annotations", "schedule", "timezone", "target", "run", "monitor", "suspend"}
		}
		if place := slices.Index(order, key); place >= 0 {
			require.GreaterOrEqual(t, place, last[in], "%s in\n%s", key, text)
			last[in] = place
			if in == 0 {
				last[2] = 0
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "../testdata/good/*.yaml", "../testdata/bad/*.yaml"} {
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
	f.Fuzz(func(t *testing.T, data []byte) { requireKept(t, data) })
}

// hand writes a manifest as some person would.
type hand struct {
	t *rapid.T
	b strings.Builder
	n int // of the last comment

	sorted bool // fields come in the order of the schema already
}

func (w *hand) draw(n int, label string) int { return rapid.IntRange(0, n-1).Draw(w.t, label) }

func (w *hand) maybe(label string) bool { return w.draw(4, label) == 0 }

func (w *hand) comment() string {
	w.n++
	return fmt.Sprintf("#%s%d: [x] - \"y", []string{" ", "", "  #"}[w.draw(3, "space")], w.n)
}

func (w *hand) document() {
	if w.maybe("marker") {
		w.b.WriteString("---\n")
	}
	w.mapping(0, schema.Fields(crontopus.KindJob))
	if w.maybe("foot") {
		w.b.WriteString(w.comment() + "\n")
	}
}

// between writes what may stand between two fields.
func (w *hand) between(column int) {
	for w.maybe("between") {
		if w.maybe("blank") {
			w.b.WriteString(strings.Repeat(" ", w.draw(3, "spaces")) + "\n")
		} else {
			w.b.WriteString(strings.Repeat(" ", []int{column, column, 0, column + 1}[w.draw(4, "in")]) + w.comment() + "\n")
		}
	}
}

func (w *hand) mapping(column int, fields []schema.Field) {
	if !w.sorted {
		fields = rapid.Permutation(fields).Draw(w.t, "order")
	}
	for _, f := range fields {
		if column > 0 && !f.Required && w.draw(3, "left out") == 0 {
			continue
		}
		w.between(column)
		w.b.WriteString(strings.Repeat(" ", column) + w.key(f.Name) + ":")
		w.field(column, f)
	}
}

func (w *hand) key(name string) string {
	if w.maybe("quoted key") {
		return []string{`"` + name + `"`, "'" + name + "'", name + " "}[w.draw(3, "quote")]
	}
	return name
}

// field writes the value of a field behind its colon, and the end of the line.
func (w *hand) field(column int, f schema.Field) {
	switch {
	case len(f.Fields) > 0 && w.maybe("inline"):
		w.b.WriteString(" " + w.braces(column, f.Fields))
	case len(f.Fields) > 0:
		w.end()
		w.mapping(column+1+w.draw(6, "indent"), f.Fields)
		return
	case f.Name == "apiVersion":
		w.b.WriteString(" " + crontopus.APIVersion)
	case f.Name == "kind":
		w.b.WriteString("  Job")
	case slices.Contains(f.Types, "object"):
		w.free(column)
		return
	case slices.Contains(f.Types, "array"):
		w.list(column)
		return
	default:
		w.scalar(column)
		return
	}
	w.end()
}

func (w *hand) end() {
	if w.maybe("comment") {
		w.b.WriteString(strings.Repeat(" ", 1+w.draw(3, "gap")) + w.comment())
	}
	w.b.WriteString("\n")
}

// free writes a mapping with keys of one's own.
func (w *hand) free(column int) {
	if w.maybe("inline") {
		w.b.WriteString(` { B: "yes" , a.b/c:  'x',z: 0s}`)
		w.end()
		return
	}
	w.end()
	column += 1 + w.draw(5, "indent")
	for _, key := range []string{"z", `"y"`, "x-1", "w.io/v"}[:1+w.draw(4, "keys")] {
		w.between(column)
		w.b.WriteString(strings.Repeat(" ", column) + key + ":")
		w.scalar(column)
	}
}

func (w *hand) list(column int) {
	if w.maybe("inline") {
		w.b.WriteString([]string{` [a, "b",'c' ]`, " [ ]", " [a,\n" + strings.Repeat(" ", column+1) + "b, # c\n" + strings.Repeat(" ", column+3) + "'d'\n" + strings.Repeat(" ", column+1) + "]"}[w.draw(3, "list")])
		w.end()
		return
	}
	w.end()
	column += w.draw(5, "indent")
	for range 1 + w.draw(4, "items") {
		w.between(column)
		w.b.WriteString(strings.Repeat(" ", column) + "-" + strings.Repeat(" ", w.draw(3, "gap")))
		w.scalar(column)
	}
}

// words are scalars whose quotes matter, or not.
var words = []string{
	`"30 2 * * *"`, `'*/5 * * * *'`, `"yes"`, `"0644"`, `"1e3"`, `"null"`, `'it''s # no comment'`, `"\"#\" \u00e9: x"`, `""`,
	"text", "text with:no", "a#b", "12", "true", "30s", "~", "http://example.com/#a", "-x", "日本語", "a 'b' \"c\"",
}

func (w *hand) scalar(column int) {
	in := strings.Repeat(" ", column+1+w.draw(4, "in"))
	switch w.draw(8, "scalar") {
	case 0:
		w.b.WriteString([]string{" |", " |-", " |+", " >-", " >", " | # c"}[w.draw(6, "header")] + "\n")
		for i := range 1 + w.draw(4, "lines") {
			w.b.WriteString(in + []string{"set -eu", "# no comment", "  deeper", "key: value", "- x  ", "a\\"}[w.draw(6, "line")*min(i, 1)] + "\n")
			for w.maybe("blank") {
				w.b.WriteString(strings.Repeat(" ", w.draw(2, "in")) + "\n")
			}
		}
		return
	case 1:
		w.b.WriteString(" first\n" + in + "second\n\n" + in + "third")
	case 2:
		w.b.WriteString(" \"first \n" + in + "  second\\\n" + in + "\n\n" + in + "'third\"")
	case 3:
		w.b.WriteString("\n" + in + words[w.draw(len(words), "word")])
	default:
		w.b.WriteString(" " + words[w.draw(len(words), "word")])
	}
	w.end()
}

// braces writes fields inside brackets.
func (w *hand) braces(column int, fields []schema.Field) string {
	br := func() string {
		if w.maybe("break") {
			return "\n" + strings.Repeat(" ", column+1+w.draw(5, "in"))
		}
		return strings.Repeat(" ", w.draw(3, "gap"))
	}
	var parts []string
	for _, f := range rapid.Permutation(fields).Draw(w.t, "order")[:1+w.draw(len(fields), "fields")] {
		value := words[w.draw(9, "word")]
		if len(f.Fields) > 0 {
			value = w.braces(column+1, f.Fields)
		}
		parts = append(parts, br()+f.Name+": "+value+br())
	}
	return "{" + strings.Join(parts, ",") + "}"
}
