package diff_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/diff"
)

// Generators are made anew by each test: rapid's are not made for tests that run in parallel.

func words() *rapid.Generator[string] { return rapid.SampledFrom([]string{"", "a", "b/c", "d~e"}) }

func maps() *rapid.Generator[map[string]string] {
	return rapid.MapOf(rapid.SampledFrom([]string{"k", "l/m", "n~o"}), words())
}

func some(t *rapid.T) crontopus.DesiredJob {
	name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "name")
	return job(name, func(j *crontopus.Job) {
		j.Metadata.Description = words().Draw(t, "description")
		j.Metadata.Labels = maps().Draw(t, "labels")
		j.Spec.Schedule = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"30 2 * * *", "@hourly", "H * * * *"}), 1, 3, rapid.ID).Draw(t, "schedule")
		j.Spec.Timezone = rapid.SampledFrom([]string{"", "UTC", "Europe/Helsinki", "host"}).Draw(t, "zone")
		j.Spec.Suspend = rapid.Bool().Draw(t, "suspend")
		j.Spec.Target = rapid.SampledFrom([]crontopus.Target{{All: true}, {Labels: map[string]string{"role": "db"}}, {Agents: []string{"db-01", "web-01"}}}).Draw(t, "target")
		j.Spec.Run.Environment = maps().Draw(t, "environment")
		j.Spec.Run.SuccessExitCodes = rapid.SliceOfN(rapid.IntRange(0, 3), 0, 2).Draw(t, "codes")
		j.Spec.Run.Timeout = crontopus.Duration(rapid.Int64Range(0, 2).Draw(t, "timeout")) * 1e9
		if rapid.Bool().Draw(t, "retries") {
			j.Spec.Run.Retries = &crontopus.Retries{Limit: rapid.IntRange(0, 2).Draw(t, "limit")}
		}
	})
}

func states() *rapid.Generator[[]crontopus.DesiredJob] {
	return rapid.SliceOfDistinct(rapid.Custom(some), func(d crontopus.DesiredJob) string { return d.Job.Metadata.Name })
}

var (
	hosts = []crontopus.Agent{
		{Name: "db-01", NameFixed: true, Labels: map[string]string{"role": "db"}},
		{Name: "db-02", Labels: map[string]string{"role": "db"}},
		{Name: "web-01", NameFixed: true},
	}
	noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
)

func TestNothingDiffersFromItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := states().Draw(t, "state")
		after := slices.Clone(before)
		for i := range after { // files move, lines too
			after[i].Path, after[i].Line = words().Draw(t, "file"), i
		}
		slices.Reverse(after)
		r := diff.New(before, after, diff.Fleet{Known: true, Agents: hosts}, noon)
		require.False(t, r.Different())
		require.Empty(t, r.Hosts)
		require.Equal(t, diff.Summary{HostsKnown: true, HostsOf: 3, Jobs: diff.JobCounts{Unchanged: len(before)}}, r.Summary)
		require.Equal(t, diff.GuardPasses, r.Guard.Verdict)
	})
}

func TestTheChangesOfAStateMakeTheOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, after := states().Draw(t, "before"), states().Draw(t, "after")
		made := map[crontopus.JobName]string{}
		for i := range before {
			made[before[i].Job.Name()] = before[i].Job.Digest()
		}
		for _, c := range diff.Jobs(before, after) {
			require.NotEmpty(t, c.Fields, "what has another digest has a field that says why")
			if c.Kind == diff.Removed {
				delete(made, c.Job)
				continue
			}
			require.Equal(t, c.Kind == diff.Added, made[c.Job] == "")
			made[c.Job] = c.After.Job.Digest()
		}
		want := map[crontopus.JobName]string{}
		for i := range after {
			want[after[i].Job.Name()] = after[i].Job.Digest()
		}
		require.Equal(t, want, made)
	})
}

func TestTheWayBackIsTheOtherWayRound(t *testing.T) {
	t.Parallel()
	turned := map[diff.Kind]diff.Kind{diff.Removed: diff.Added, diff.Added: diff.Removed, diff.Changed: diff.Changed}
	rapid.Check(t, func(t *rapid.T) {
		before, after := states().Draw(t, "before"), states().Draw(t, "after")
		back := map[crontopus.JobName]diff.Change{}
		for _, c := range diff.Jobs(after, before) {
			back[c.Job] = c
		}
		there := diff.Jobs(before, after)
		require.Len(t, back, len(there))
		for _, c := range there {
			require.Equal(t, turned[c.Kind], back[c.Job].Kind)
			var fields []diff.Field
			for _, f := range back[c.Job].Fields {
				fields = append(fields, diff.Field{Path: f.Path, Before: f.After, After: f.Before})
			}
			require.ElementsMatch(t, c.Fields, fields)
		}
	})
}

func TestWhatIsCountedIsWhatTheSyncerCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, after := states().Draw(t, "before"), states().Draw(t, "after")
		r := diff.New(before, after, diff.Fleet{Known: true, Agents: hosts}, noon)
		was, is := manifests.Entries(before, hosts), manifests.Entries(after, hosts)
		gone := slices.DeleteFunc(slices.Clone(was), func(e crontopus.Entry) bool { return slices.Contains(is, e) })
		require.Equal(t, len(gone), r.Summary.Entries.Removed)
		require.Equal(t, len(gone), r.Guard.Removed)
		require.Equal(t, len(is)-len(was), r.Summary.Entries.Added-r.Summary.Entries.Removed)
		require.Equal(t, manifests.MassRemoval(len(gone), before, after, hosts), r.Guard.Verdict == diff.GuardHolds)
		named := 0
		for _, h := range r.Hosts {
			named += len(h.Agents)
			for _, e := range h.Entries {
				require.NotZero(t, len(e.Before)+len(e.After))
			}
		}
		require.Equal(t, named, r.Summary.Hosts)
	})
}
