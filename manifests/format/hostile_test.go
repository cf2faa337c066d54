package format_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests/format"
)

// TestTheWorstThatAFileCanHoldIsSoonDone formats files of nearly the largest size and depth.
func TestTheWorstThatAFileCanHoldIsSoonDone(t *testing.T) {
	const manifest = "kind: Job\napiVersion: crontopus.dev/v1\nspec:\n"
	deep := ""
	for i := range 28 {
		deep += strings.Repeat(" ", i+1) + "a:\n"
	}
	items := ""
	for i := range 28 {
		items += strings.Repeat(" ", i+1) + "-\n"
	}
	for name, text := range map[string]string{
		"many fields":              manifest + "metadata:\n  labels:\n" + many(3000, "    k%: v # c\n"),
		"many items":               manifest + " x:\n" + strings.Repeat("  - [a]   # c\n", 2500),
		"deep, and then comments":  manifest + deep + strings.Repeat("# c\n", 15000) + "metadata: {}\n",
		"dashes, and comments":     manifest + " x:\n" + items + strings.Repeat("# c\n", 15000) + "metadata: {}\n",
		"brackets in brackets":     manifest + " x: " + strings.Repeat("[", 25) + strings.Repeat("{a:   1},\n  ", 2000) + strings.Repeat("]", 25) + "\n",
		"a long script":            manifest + "  run:\n      script: |\n" + strings.Repeat("           echo\n", 15000),
		"blank lines in a script":  manifest + "  run:\n      script: |\n" + strings.Repeat("         echo"+strings.Repeat("\n", 90), 2500),
		"a text of many lines":     manifest + "  x: a\n" + strings.Repeat("     b\n", 25000),
		"a text in quotes of many": manifest + "  x: 'a\n" + strings.Repeat("     b\n", 25000) + "     '\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := format.Format("a.yaml", []byte(text))
			require.Empty(t, problems, "the test shows nothing")
			began := time.Now()
			requireKept(t, []byte(text))
			require.Less(t, time.Since(began), 20*time.Second, "that grows faster than the file")
		})
	}
}

func many(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Replace(line, "%", strconv.Itoa(i), 1))
	}
	return b.String()
}
