package manifests_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// everywhere makes jobs for every host.
func everywhere(n int) []crontopus.DesiredJob {
	list := make([]crontopus.DesiredJob, n)
	for i := range list {
		list[i] = desired(fmt.Sprintf("job-%02d", i), everyone)
	}
	return list
}

func TestWhatIsAMassRemoval(t *testing.T) {
	t.Parallel()
	host := agents[:1]
	for name, c := range map[string]struct {
		before, after int // jobs on the one host
		want          bool
	}{
		"nothing goes":         {20, 20, false},
		"ten of twenty":        {20, 10, false},
		"eleven of twenty":     {20, 9, true},
		"twelve of forty":      {40, 28, false},
		"thirteen of forty":    {40, 27, true},
		"the only one":         {1, 0, true},
		"there was none":       {0, 0, false},
		"one comes, none goes": {0, 1, false},
	} {
		before, after := everywhere(c.before), everywhere(c.after)
		require.Equal(t, c.want, manifests.MassRemoval(max(0, c.before-c.after), before, after, host), name)
	}
}

func TestWhatIsLeftForNoHostIsNothingLeft(t *testing.T) {
	t.Parallel()
	before, after := everywhere(1), []crontopus.DesiredJob{desired("job-00", crontopus.Target{Labels: map[string]string{"role": "nobody"}})}
	require.True(t, manifests.MassRemoval(1, before, after, agents[:1]))
}

func TestEntriesThatMovesTakeAway(t *testing.T) {
	t.Parallel()
	wide, narrow, asleep := desired("a", everyone), desired("a", byName), desired("b", everyone, func(j *crontopus.Job) { j.Spec.Suspend = true })
	awake := desired("b", everyone)
	entries := func(moves ...manifests.Move) (names []string) {
		for _, e := range manifests.Removed(moves, agents) {
			names = append(names, e.String())
		}
		return names
	}
	require.Equal(t, []string{"default/a@db-01", "default/a@db-02", "default/a@web"}, entries(manifests.Move{Before: &wide}), "but not the revoked agent's")
	require.Equal(t, []string{"default/a@db-02", "default/a@web"}, entries(manifests.Move{Before: &wide, After: &narrow}))
	require.Len(t, entries(manifests.Move{Before: &awake, After: &asleep}), 3, "suspended")
	require.Empty(t, entries(manifests.Move{After: &wide}, manifests.Move{Before: &narrow, After: &wide}, manifests.Move{Before: &asleep}))
}
