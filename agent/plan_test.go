package agent_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

func TestPlan(t *testing.T) {
	a, b, c := jobName("default/a"), jobName("default/b"), jobName("default/c")
	entry := func(job crontopus.JobName, text string) agent.Native { return agent.Native{Job: job, Text: text} }
	list := func(entries ...agent.Native) []agent.Native { return append([]agent.Native{}, entries...) }
	for _, test := range []struct {
		name                    string
		desired, applied, found []agent.Native
		want                    agent.Plan
	}{
		{name: "nothing anywhere", applied: list()},
		{
			name: "the first bundle", desired: list(entry(a, "1")), applied: list(),
			want: agent.Plan{Add: list(entry(a, "1"))},
		},
		{
			name: "all as it should be", desired: list(entry(a, "1")), applied: list(entry(a, "1")), found: list(entry(a, "1")),
			want: agent.Plan{Keep: list(entry(a, "1"))},
		},
		{
			name: "a new bundle", applied: list(entry(a, "1"), entry(b, "1")), found: list(entry(a, "1"), entry(b, "1")),
			desired: list(entry(a, "2"), entry(c, "1")),
			want:    agent.Plan{Add: list(entry(c, "1")), Change: list(entry(a, "2")), Remove: []crontopus.JobName{b}},
		},
		{
			name: "removed by hand", desired: list(entry(a, "1")), applied: list(entry(a, "1")),
			want: agent.Plan{Add: list(entry(a, "1")), Drift: []crontopus.Drift{{Entry: "default/a", Kind: crontopus.DriftMissing}}},
		},
		{
			name: "edited by hand", desired: list(entry(a, "1")), applied: list(entry(a, "1")), found: list(entry(a, "x")),
			want: agent.Plan{Change: list(entry(a, "1")), Drift: []crontopus.Drift{{Entry: "default/a", Kind: crontopus.DriftEdited, Detail: "x"}}},
		},
		{
			name: "added by hand", applied: list(), found: list(entry(b, "x")),
			want: agent.Plan{Remove: []crontopus.JobName{b}, Drift: []crontopus.Drift{{Entry: "default/b", Kind: crontopus.DriftUnexpected, Detail: "x"}}},
		},
		{
			name: "stopped between writing the entries and the record", desired: list(entry(a, "2"), entry(b, "1")),
			applied: list(entry(a, "1"), entry(c, "1")), found: list(entry(a, "2"), entry(b, "1")),
			want: agent.Plan{Keep: list(entry(a, "2"), entry(b, "1"))},
		},
		{
			name: "the record lost", desired: list(entry(a, "1")), found: list(entry(a, "x"), entry(b, "1")),
			want: agent.Plan{Change: list(entry(a, "1")), Remove: []crontopus.JobName{b}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, agent.MakePlan(test.desired, test.applied, agent.Observed{Entries: test.found}))
		})
	}
}

func TestCarryingOutAPlanGivesWhatIsDesired(t *testing.T) {
	entries := func(t *rapid.T, label string) []agent.Native {
		list := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) agent.Native {
			return agent.Native{Job: jobName("x/" + rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "job")), Text: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "text")}
		}), func(e agent.Native) crontopus.JobName { return e.Job }).Draw(t, label)
		slices.SortFunc(list, func(a, b agent.Native) int { return a.Job.Compare(b.Job) })
		return list
	}
	rapid.Check(t, func(t *rapid.T) {
		desired, found := entries(t, "desired"), entries(t, "found")
		plan := agent.MakePlan(desired, found, agent.Observed{Entries: found})
		require.Empty(t, plan.Drift, "what was applied is no drift")
		result := slices.Concat(plan.Add, plan.Change, plan.Keep)
		slices.SortFunc(result, func(a, b agent.Native) int { return a.Job.Compare(b.Job) })
		require.Len(t, result, len(desired))
		for i := range result {
			require.Equal(t, desired[i], result[i])
		}
		require.Len(t, plan.Remove, len(found)-len(plan.Change)-len(plan.Keep))
	})
}

func jobName(s string) crontopus.JobName {
	name, err := crontopus.ParseJobName(s)
	if err != nil {
		panic(err)
	}
	return name
}
