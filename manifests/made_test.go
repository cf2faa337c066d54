package manifests_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

// multiplied is a manifest of 256 jobs whose script of so many bytes has a placeholder.
func multiplied(name string, script int) string {
	numbers := make([]string, 16)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i)
	}
	list := "[" + strings.Join(numbers, ", ") + "]"
	return fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: %s}\nspec:\n  matrix: {a: %s, b: %s}\n  schedule: '@daily'\n  target: {all: true}\n"+
		"  run:\n    timeout: 1h\n    script: |\n      ${matrix.a}-${matrix.b}\n      %s\n", name, list, list, strings.Repeat("x", script))
}

func TestTheJobsOfAMatrixHaveOnlySoMuchText(t *testing.T) {
	docs, problems := manifests.Decode("m.yaml", []byte(multiplied("a", 60_000)))
	require.Empty(t, docs)
	require.Equal(t, []string{"5:3 matrix /spec/matrix"}, places(problems))
	require.Contains(t, problems[0].Message, "more than 1MiB")
	require.Contains(t, problems[0].Hint, "environment")

	docs, problems = manifests.Decode("m.yaml", []byte(multiplied("a", 3_000)))
	require.Empty(t, problems)
	require.Len(t, docs, 256)

	two := multiplied("a", 3_000) + "---\n" + multiplied("b", 3_000)
	_, problems = manifests.Decode("m.yaml", []byte(two))
	require.Equal(t, []string{"18:3 matrix /spec/matrix"}, places(problems), "all matrices of the file count together")
}

// A text without a placeholder is one for all jobs, however many there are.
func TestATextThatAllJobsShareIsNoneThatAMatrixMakes(t *testing.T) {
	text := strings.Replace(multiplied("a", 60_000), "      ${matrix.a}-${matrix.b}\n", "", 1)
	text += "    environment: {A: '${matrix.a}', B: '${matrix.b}'}\n"
	docs, problems := manifests.Decode("m.yaml", []byte(text))
	require.Empty(t, problems)
	require.Len(t, docs, 256)
}

// TestHostileMatricesCostBoundedMemory: a few hundred small files would be gigabytes.
func TestHostileMatricesCostBoundedMemory(t *testing.T) {
	for _, c := range []struct {
		name          string
		files, script int
		file          string // that is blamed
	}{
		{"long scripts", 500, 3_500, "m0057.yaml"},
		{"many jobs", 500, 1, "m0254.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for i := range c.files {
				tree[fmt.Sprintf("m%04d.yaml", i)] = &fstest.MapFile{Data: []byte(multiplied(fmt.Sprintf("m%d", i), c.script))}
			}
			debug.FreeOSMemory()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			done, peak := make(chan struct{}), make(chan uint64)
			go func() { peak <- peakHeap(done) }()
			docs, problems, err := manifests.Load(tree, ".")
			close(done)
			memory := <-peak - before.HeapInuse
			t.Logf("%d MiB", memory>>20)
			require.NoError(t, err)
			require.Len(t, problems, 1)
			require.Equal(t, c.file+" 5:3 matrix /spec/matrix", fmt.Sprintf("%s %s", problems[0].File, places(problems)[0]))
			require.Len(t, docs, c.files, "the first job of each shows what is wrong with its manifest")
			require.Less(t, memory, uint64(400<<20))
		})
	}
}
