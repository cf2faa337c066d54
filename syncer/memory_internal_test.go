package syncer

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// Whatever is put and taken away, merge gives what a map would.
func TestMergeIsAMapsUpdate(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) crontopus.JobName {
		return crontopus.JobName{Namespace: rapid.SampledFrom([]string{"a", "a-b", "b"}).Draw(t, "namespace"), Name: fmt.Sprint(rapid.IntRange(0, 12).Draw(t, "name"))}
	})
	sorted := func(names map[crontopus.JobName]int) (jobs []crontopus.DesiredJob) {
		for _, n := range slices.SortedFunc(maps.Keys(names), crontopus.JobName.Compare) {
			jobs = append(jobs, crontopus.DesiredJob{Job: crontopus.Job{Metadata: crontopus.Metadata{Namespace: n.Namespace, Name: n.Name}}, Line: names[n]})
		}
		return jobs
	}
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.MapOf(name, rapid.Just(1)).Draw(t, "before")
		put := rapid.MapOf(name, rapid.Just(2)).Draw(t, "put")
		gone := rapid.SliceOfDistinct(name.Filter(func(n crontopus.JobName) bool { return put[n] == 0 }), func(n crontopus.JobName) crontopus.JobName { return n }).Draw(t, "gone")
		slices.SortFunc(gone, crontopus.JobName.Compare)
		jobs := sorted(before)
		kept := slices.Clone(jobs)
		got := merge(jobs, crontopus.DesiredDelta{Put: sorted(put), Gone: gone})
		maps.Copy(before, put)
		for _, n := range gone {
			delete(before, n)
		}
		want := sorted(before)
		if len(want) != 0 || len(got) != 0 {
			require.Equal(t, want, got)
		}
		require.Equal(t, kept, jobs, "who has the old ones keeps them")
	})
}
