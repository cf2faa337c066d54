package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

func TestTheFilesThatAreValidatedAreValidAndDiffer(t *testing.T) {
	dir := t.TempDir()
	lines, err := newAuthor(1).writeFiles(dir, 300)
	require.NoError(t, err)
	require.InDelta(t, 25, float64(lines)/300, 2, "lines of a file")
	docs, problems, err := manifests.Load(os.DirFS(dir), ".")
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Len(t, docs, 300)
	other := t.TempDir()
	_, err = newAuthor(1).writeFiles(other, 300)
	require.NoError(t, err)
	again, _, err := manifests.Load(os.DirFS(other), ".")
	require.NoError(t, err)
	styles := map[string]int{}
	for i, doc := range docs {
		require.Equal(t, doc.Job, again[i].Job, "one seed, the same files")
		for style, has := range map[string]bool{
			"script": doc.Job.Spec.Run.Script != "", "command": doc.Job.Spec.Run.Script == "", "everywhere": doc.Job.Spec.Target.All,
			"by name": doc.Job.Spec.Target.Agents != nil, "two schedules": len(doc.Job.Spec.Schedule) > 1, "no timeout": doc.Job.Spec.Run.Timeout == 0,
		} {
			if has {
				styles[style]++
			}
		}
	}
	require.Len(t, styles, 6, "what people write differs: %v", styles)
}
