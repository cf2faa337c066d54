package manifests_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

func desired(name string, target crontopus.Target, change ...func(*crontopus.Job)) crontopus.DesiredJob {
	job := crontopus.Job{Metadata: crontopus.Metadata{Name: name}, Spec: crontopus.JobSpec{Target: target}}
	job.SetDefaults()
	for _, c := range change {
		c(&job)
	}
	return crontopus.DesiredJob{Job: job, SourceID: "src", Revision: "main@sha1:" + name}
}

var (
	everyone  = crontopus.Target{All: true}
	databases = crontopus.Target{Labels: map[string]string{"role": "db"}}
	linux     = crontopus.Target{Labels: map[string]string{"fact/os": "linux"}}
	byName    = crontopus.Target{Agents: []string{"db-01"}}

	jobs = []crontopus.DesiredJob{
		desired("z-everyone", everyone),
		desired("databases", databases),
		desired("by-name", byName),
		desired("linux", linux),
		desired("asleep", everyone, func(j *crontopus.Job) { j.Spec.Suspend = true }),
		desired("nobody", crontopus.Target{}),
	}
	gone   = time.Unix(0, 0)
	agents = []crontopus.Agent{
		{ID: "1", Name: "db-01", NameFixed: true, Labels: map[string]string{"role": "db"}},
		{ID: "2", Name: "db-02", Labels: map[string]string{"role": "db"}, MatchFacts: true, Facts: map[string]string{"os": "linux"}},
		{ID: "3", Name: "web", Labels: map[string]string{"role": "web"}, Facts: map[string]string{"os": "linux"}},
		{ID: "4", Name: "revoked", NameFixed: true, RevokedAt: &gone},
	}
)

func TestCompileBundle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		agent int
		want  []string
	}{
		{"by label and by fixed name", 0, []string{"default/by-name", "default/databases", "default/z-everyone"}},
		{"by fact, where the token allows it", 1, []string{"default/databases", "default/linux", "default/z-everyone"}},
		{"a fact that the token does not allow", 2, []string{"default/z-everyone"}},
		{"revoked", 3, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			compiled, revisions := manifests.CompileBundle(&agents[c.agent], crontopus.DesiredSet{States: []crontopus.DesiredState{{Jobs: jobs}}}.Jobs(), func(id string) string { return "https://git/" + id })
			names := []string{}
			for _, job := range compiled {
				names = append(names, job.Name().String())
				require.Equal(t, "https://git/src", job.Source)
				require.Equal(t, "main@sha1:"+job.Metadata.Name, revisions[job.Name().String()])
			}
			require.Equal(t, c.want, names)
			require.Len(t, revisions, len(c.want))
			require.NotNil(t, compiled, "an empty list is [] in JSON")
		})
	}
	require.Empty(t, jobs[0].Job.Source, "the desired state is not changed")
}

func TestEntriesAreEveryJobOnEveryHostThatGetsIt(t *testing.T) {
	t.Parallel()
	var got []string
	for _, e := range manifests.Entries(jobs, agents) {
		got = append(got, e.String())
	}
	require.Equal(t, []string{
		"default/by-name@db-01", "default/databases@db-01", "default/databases@db-02", "default/linux@db-02",
		"default/z-everyone@db-01", "default/z-everyone@db-02", "default/z-everyone@web",
	}, got)
	require.NotNil(t, manifests.Entries(nil, nil))
}
