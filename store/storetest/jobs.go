package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var jobCases = cases{
	"the list goes by namespace and name": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		o := w.outcome(src, "c", "a", "b")
		o.Desired.Jobs[0].Job.Metadata.Namespace = "alpha"
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		var seen []string
		for page := (crontopus.Page{Limit: 1}); ; {
			list, next, err := s.Jobs(t.Context(), here, page)
			require.NoError(t, err)
			seen = append(seen, list[0].Job.Name().String())
			if page.After = next; next == "" {
				break
			}
		}
		require.Equal(t, []string{"alpha/c", "production/a", "production/b"}, seen)
	},
	"a job that is not there": func(t *testing.T, s *store.Store) {
		_, err := s.Job(t.Context(), here, named("backup"))
		requireCode(t, crontopus.CodeNotFound, err)
		names, err := s.JobAgents(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Equal(t, []string{}, names)
	},
	"who has a job is what is published": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		b, a := w.agent("b"), w.agent("a")
		w.sync(w.source("ops"), "backup", "report")
		w.publish(a, 1, "backup")
		w.publish(b, 1, "backup", "report")
		names, err := s.JobAgents(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, names)
		require.NoError(t, s.SaveReport(t.Context(), here, a.ID, crontopus.AgentReport{Timezone: "Asia/Tokyo"}))
		zones, err := s.JobZones(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"a": "Asia/Tokyo", "b": ""}, zones, "what each has reported")
		w.publish(b, 2, "report")
		names, err = s.JobAgents(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, names)
		jobs, err := s.AgentJobs(t.Context(), here, "b")
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		require.Equal(t, named("report"), jobs[0].Job.Name())

		_, err = s.RevokeAgent(t.Context(), here, actor, "a", t0)
		require.NoError(t, err)
		names, err = s.JobAgents(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Empty(t, names, "a revoked agent runs nothing")
		zones, err = s.JobZones(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Empty(t, zones)
	},
}
