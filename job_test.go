package crontopus_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestJobAfterDefaultsKeepsItsSpelling(t *testing.T) {
	var job crontopus.Job
	require.NoError(t, json.Unmarshal([]byte(`{
		"apiVersion":"crontopus.dev/v1","kind":"Job","metadata":{"name":"hello"},
		"spec":{"schedule":"* * * * *","target":{"all":true},"run":{"script":"date","timeout":"45m"}}}`), &job))
	job.SetDefaults()
	out, err := json.Marshal(job)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"apiVersion":"crontopus.dev/v1","kind":"Job","metadata":{"name":"hello","namespace":"default"},
		"spec":{"schedule":"* * * * *","timezone":"UTC","target":{"all":true},
			"run":{"script":"date","shell":"/bin/sh","timeout":"45m","concurrency":"forbid","successExitCodes":[0],"captureOutput":"10KiB"},
			"monitor":{"grace":"10m","maxDuration":"45m","catchUp":"none"}}}`, string(out))

	var again crontopus.Job
	require.NoError(t, json.Unmarshal(out, &again))
	require.Equal(t, job.Digest(), again.Digest(), "a job that went over the wire is the same job")
}

func TestCaptureOutputOfZeroStaysZero(t *testing.T) {
	var job crontopus.Job
	require.NoError(t, json.Unmarshal([]byte(`{"spec":{"run":{"captureOutput":0}}}`), &job))
	job.SetDefaults()
	require.Zero(t, *job.Spec.Run.CaptureOutput)
}

func TestSchedulesAreOneOrAList(t *testing.T) {
	for _, text := range []string{`"* * * * *"`, `["0 1 * * *","0 2 * * *"]`} {
		var s crontopus.Schedules
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		out, err := json.Marshal(s)
		require.NoError(t, err)
		require.JSONEq(t, text, string(out))
	}
}

func TestParseJobName(t *testing.T) {
	name, err := crontopus.ParseJobName("production/nightly-backup")
	require.NoError(t, err)
	require.Equal(t, crontopus.JobName{Namespace: "production", Name: "nightly-backup"}, name)

	name, err = crontopus.ParseJobName("hello")
	require.NoError(t, err)
	require.Equal(t, "default/hello", name.String())

	for _, bad := range []string{"", "/", "a/", "/b", "a/b/c", "A/b", "a/-b", "a/b-", "ä/b", "../etc/passwd", "a/b\n"} {
		_, err := crontopus.ParseJobName(bad)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), bad)
	}
}

func TestTargetMatches(t *testing.T) {
	now := time.Now()
	fixed := &crontopus.Agent{Name: "db-01", NameFixed: true, Labels: map[string]string{"role": "db", "env": "prod"}, Facts: map[string]string{"os": "linux"}}
	chosen := &crontopus.Agent{Name: "db-01", Labels: fixed.Labels, Facts: fixed.Facts, MatchFacts: true}
	revoked := &crontopus.Agent{Name: "db-01", NameFixed: true, RevokedAt: &now}
	for name, c := range map[string]struct {
		target crontopus.Target
		agent  *crontopus.Agent
		want   bool
	}{
		"every label matches":                  {crontopus.Target{Labels: map[string]string{"role": "db", "env": "prod"}}, fixed, true},
		"one label differs":                    {crontopus.Target{Labels: map[string]string{"role": "db", "env": "test"}}, fixed, false},
		"a label that the agent lacks":         {crontopus.Target{Labels: map[string]string{"zone": ""}}, fixed, false},
		"a name that an operator fixed":        {crontopus.Target{Agents: []string{"db-02", "db-01"}}, fixed, true},
		"a name that the host chose itself":    {crontopus.Target{Agents: []string{"db-01"}}, chosen, false},
		"all":                                  {crontopus.Target{All: true}, chosen, true},
		"all, but the agent is revoked":        {crontopus.Target{All: true}, revoked, false},
		"an empty target":                      {crontopus.Target{}, fixed, false},
		"a fact that the token does not allow": {crontopus.Target{Labels: map[string]string{"fact/os": "linux"}}, fixed, false},
		"a fact that the token allows":         {crontopus.Target{Labels: map[string]string{"fact/os": "linux"}}, chosen, true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.target.Matches(c.agent)) })
	}
}

func TestPlanDigestIsOfWhatGoes(t *testing.T) {
	a := crontopus.Plan{Source: "s", From: "1", To: "2", Removed: []string{"a/b@h"}}
	b := a
	require.Equal(t, a.Digest(), b.Digest())
	b.Removed = []string{"a/c@h"}
	require.NotEqual(t, a.Digest(), b.Digest())
	require.Equal(t, crontopus.Plan{}.Digest(), crontopus.Plan{Removed: []string{}}.Digest())
}

func TestJobsDigestIgnoresOrder(t *testing.T) {
	a := crontopus.Job{Metadata: crontopus.Metadata{Name: "a", Namespace: "x"}}
	b := crontopus.Job{Metadata: crontopus.Metadata{Name: "b", Namespace: "x"}}
	require.Equal(t, crontopus.JobsDigest([]crontopus.Job{a, b}), crontopus.JobsDigest([]crontopus.Job{b, a}))
	require.Equal(t, crontopus.JobsDigest(nil), crontopus.JobsDigest([]crontopus.Job{}))
}

func TestGenerationOrdersByEpochFirst(t *testing.T) {
	g := crontopus.Generation{Epoch: 2, Number: 1}
	require.Equal(t, "2.1", g.String())
	require.Positive(t, g.Compare(crontopus.Generation{Epoch: 1, Number: 99}))
	require.Negative(t, crontopus.Generation{}.Compare(g))
}
