package manifests_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

// hostile is input that costs a naive reader seconds or gigabytes, and the problem that it
// must come to instead.
var hostile = []struct {
	name string
	text string
	code string
}{
	{"alias bomb", "a: &a [x,x]\n" + bomb(), manifests.CodeYAMLFeature},
	{"40,000 nested brackets", "a: " + strings.Repeat("[", 40_000), manifests.CodeTooComplex},
	{"40,000 nested brackets that close", strings.Repeat("[", 40_000) + strings.Repeat("]", 40_000), manifests.CodeTooComplex},
	{"40,000 nested braces", strings.Repeat("{a: ", 40_000), manifests.CodeTooComplex},
	{"50,000 nested dashes", strings.Repeat("- ", 50_000) + "x", manifests.CodeTooComplex},
	{"100 nested dashes", strings.Repeat("- ", 100) + "x", manifests.CodeTooComplex},
	{"nested mappings by indentation", steps(40), manifests.CodeTooComplex},
	{"lists at the column of their keys", lists(20), manifests.CodeTooComplex},
	{"300 KB", strings.Repeat("# a comment, and a long one at that\n", 9_000), manifests.CodeTooLarge},
	{"one plain scalar as long as a file may be", "a: " + strings.Repeat("x", 256<<10-4), manifests.CodeNotAManifest},
	{"a long run of tabs in quotes", `a: "x` + strings.Repeat("\t", 250_000) + `x"`, manifests.CodeTooComplex},
	{"many lines with as many tabs as a line may have", "a: \"x" + strings.Repeat(strings.Repeat("\t", 500)+"x\n  ", 500) + `x"`, manifests.CodeNotAManifest},
	{"tabs at the beginning of a line that is as long as a file", `a: "x` + strings.Repeat("\t", 500) + strings.Repeat("y", 250_000) + `"`, manifests.CodeNotAManifest},
	{"a long run of <", "a: x" + strings.Repeat("<", 250_000), manifests.CodeTooComplex},
	{"short runs of <", "a: x" + strings.Repeat(strings.Repeat("<", 499)+" ", 520), manifests.CodeNotAManifest},
	{"blank lines at the end of a block", "a: |\n x\n" + strings.Repeat("\n", 250_000) + "b: 1\n", manifests.CodeTooComplex},
	{"blocks that end in as many blank lines as there may be", strings.Repeat("- |\n x\n"+strings.Repeat("\n", 99), 2_000), manifests.CodeHiddenCharacter},
	{"a long block that ends in blank lines", "a: |\n " + strings.Repeat("x", 250_000) + strings.Repeat("\n", 99) + "b: 1\n", manifests.CodeNotAManifest},
	{"blank lines of spaces", "a: |\n x\n" + strings.Repeat(" \n", 120_000) + "b: 1\n", manifests.CodeTooComplex},
	{"a long key with many children", strings.Repeat("k", 100_000) + ":\n" + strings.Repeat("- a\n", 9_000), manifests.CodeTooComplex},
	{"a deep path of long keys with many children", deepKeys(), manifests.CodeNotAManifest},
	{"many keys", keys(6_000), manifests.CodeNotAManifest},
	{"many keys without values", strings.ReplaceAll(keys(9_000), ": 1", ":"), manifests.CodeNotAManifest},
	{"many list items without values", strings.Repeat("-\n", 19_000), manifests.CodeNotAManifest},
	{"many list items", strings.Repeat("- a\n", 9_900), manifests.CodeNotAManifest},
	{"more tokens than a file may have", strings.Repeat("- a\n", 20_000), manifests.CodeTooComplex},
	{"commas", "[" + strings.Repeat(",", 200_000), manifests.CodeTooComplex},
	{"60,000 documents", strings.Repeat("---\n", 60_000), manifests.CodeTooComplex},
	{"documents with a character each", strings.Repeat("--- a\n", 9_000), manifests.CodeNotAManifest},
	{"documents that end", strings.Repeat("...\n", 60_000), manifests.CodeTooComplex},
	{"reserved characters", strings.Repeat("@", 250_000), manifests.CodeSyntax},
	{"quotes", strings.Repeat("'", 250_001), manifests.CodeSyntax},
	{"quotes that open on each line", strings.Repeat("- \"\n", 60_000), manifests.CodeTooComplex},
	{"escapes", `"` + strings.Repeat(`\x41`, 60_000) + `"`, manifests.CodeNotAManifest},
	{"an unfinished escape", `"\u12`, manifests.CodeSyntax},
	{"tags", strings.Repeat("!a ", 80_000), manifests.CodeTooComplex},
	{"a tag at the end of the file", "a: !b", manifests.CodeYAMLFeature},
	{"anchors", strings.Repeat("- &a b\n", 4_000), manifests.CodeYAMLFeature},
	{"explicit keys", strings.Repeat("? ", 9_000), manifests.CodeYAMLFeature},
	{"directives", strings.Repeat("%YAML 1.2\n", 2_000), manifests.CodeYAMLFeature},
	{"digits", "apiVersion: " + strings.Repeat("9", 250_000), manifests.CodeNumber},
	{"a number with a huge exponent", "apiVersion: 1e999999999", manifests.CodeNumber},
	{"colons", "a: " + strings.Repeat(":", 250_000), manifests.CodeTooComplex},
	{"colons in braces", "{" + strings.Repeat("a:", 120_000), manifests.CodeSyntax},
	{"colons on one line", strings.Repeat("a: ", 80_000), manifests.CodeTooComplex},
	{"comments", strings.Repeat("#\n", 120_000), manifests.CodeTooComplex},
	{"comments on every line of a list", strings.Repeat("- a #\n", 6_000), manifests.CodeNotAManifest},
	{"folded lines", "a: >\n" + strings.Repeat(" x\n", 80_000), manifests.CodeNotAManifest},
	{"block headers", strings.Repeat("- |\n", 6_000), manifests.CodeNotAManifest},
	{"a plain scalar over many lines", "a: x\n" + strings.Repeat("  x\n", 60_000), manifests.CodeNotAManifest},
	{"question marks", strings.Repeat("?", 250_000), manifests.CodeNotAManifest},
	{"unknown fields, thousands of them", "apiVersion: crontopus.dev/v1\nkind: Job\n" + keys(4_000), manifests.CodeMissingField},
	{"labels, thousands of them", "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata:\n  labels:\n" + strings.ReplaceAll(keys(4_000), "key", "    !"), manifests.CodeYAMLFeature},
	{"bad labels, thousands of them", "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata:\n  labels:\n" + strings.ReplaceAll(keys(4_000), "key", "    -x"), manifests.CodeMissingField},
}

// TestHostileInputIsCheap is the contract of the guard: whatever the input, one problem
// that says where, under a second and 200 MiB.
func TestHostileInputIsCheap(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			text := []byte(c.text)
			debug.FreeOSMemory()
			done, peak := make(chan struct{}), make(chan uint64)
			go func() { peak <- peakHeap(done) }()
			began := cpuTime(t)
			_, problems := manifests.Decode("hostile.yaml", text)
			took := cpuTime(t) - began
			close(done)
			memory := <-peak
			t.Logf("%v, %d MiB, %d problems", took.Round(time.Millisecond), memory>>20, len(problems))
			require.NotEmpty(t, problems)
			require.Equal(t, c.code, problems[0].Code, "%v", problems[0])
			require.Positive(t, problems[0].Line)
			require.Less(t, took, slowdown*time.Second)
			require.Less(t, memory, uint64(200<<20))
		})
	}
}

// cpuTime is what the process has used. Unlike the clock it does not depend on what else
// the machine does.
func cpuTime(t *testing.T) time.Duration {
	var use syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// peakHeap returns the most memory that the heap held until done.
func peakHeap(done <-chan struct{}) (peak uint64) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var m runtime.MemStats
	for {
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
		select {
		case <-done:
			return peak
		case <-tick.C:
		}
	}
}

func bomb() string {
	var b strings.Builder
	for c := 'b'; c <= 'z'; c++ {
		fmt.Fprintf(&b, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	return b.String()
}

func steps(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func lists(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat("  ", i) + "a:\n" + strings.Repeat("  ", i) + "- b: x\n")
	}
	return strings.ReplaceAll(b.String(), "b: x\n", "\n")
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "key%d: 1\n", i)
	}
	return b.String()
}

func deepKeys() string {
	var b strings.Builder
	for range 31 {
		b.WriteString("{" + strings.Repeat("k", 128) + ": ")
	}
	b.WriteString("[" + strings.Repeat("a,", 9_000) + "]" + strings.Repeat("}", 31))
	return b.String()
}
