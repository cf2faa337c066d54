package manifests_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schedule"
)

func TestAMatrixMakesAJobOfEachCombination(t *testing.T) {
	docs, problems := manifests.Decode("m.yaml", []byte(`apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: backup, labels: {region: "${matrix.region}"}}
spec:
  schedule: H 3 * * *
  target: {labels: {region: "${matrix.region}"}}
  run:
    command: [/usr/local/bin/backup, "--shard=${matrix.shard}/2"]
    environment: {WHERE: "${matrix.region}-${matrix.shard}"}
  matrix:
    region: [eu, us]
    shard: [1, 2]
`))
	require.Empty(t, problems)
	var got []string
	times := map[string]bool{}
	for _, doc := range docs {
		spec := doc.Job.Spec
		got = append(got, fmt.Sprintf("%s %s %s %s %v", doc.Job.Name(), spec.Target.Labels["region"], spec.Run.Command[1], spec.Run.Environment["WHERE"], doc.Matrix()))
		set, err := schedule.Of(doc.Job)
		require.NoError(t, err)
		next, _ := set.Next(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
		times[next.String()] = true
	}
	require.Equal(t, []string{
		"default/backup-eu-1 eu --shard=1/2 eu-1 [{region eu} {shard 1}]", "default/backup-eu-2 eu --shard=2/2 eu-2 [{region eu} {shard 2}]",
		"default/backup-us-1 us --shard=1/2 us-1 [{region us} {shard 1}]", "default/backup-us-2 us --shard=2/2 us-2 [{region us} {shard 2}]",
	}, got)
	require.Greater(t, len(times), 1, "H is chosen by each job's own name")
}

func TestANameMaySayWhereTheValuesStand(t *testing.T) {
	docs, problems := manifests.Decode("m.yaml", []byte(strings.Replace(head, "name: a", `name: "${matrix.shard}-of-${matrix.region}", namespace: "n-${matrix.region}"`, 1)+
		"  schedule: '@daily'\n  target: {all: true}\n  run: {script: x}\n  matrix: {region: [eu], shard: [a, b]}\n"))
	require.Empty(t, problems)
	require.Equal(t, []string{"m.yaml n-eu/a-of-eu", "m.yaml n-eu/b-of-eu"}, names(docs))
}

// Values are put into texts, not into YAML: nothing in one can become a field.
func TestAValueCannotBecomeYAML(t *testing.T) {
	_, wrong := manifests.Decode("m.yaml", []byte(head+`  schedule: "@daily"
  target: {all: true}
  run: {command: [/bin/echo, "${matrix.word}"]}
  matrix: {word: ["\", user: root, x: \"", "a\", b]} #", "$1 $$ ${word}"]}
`))
	require.Len(t, wrong, 1, "only that the words make no names: %v", wrong)
	require.Equal(t, "/metadata/name", wrong[0].Path)

	docs, problems := manifests.Decode("m.yaml", []byte(strings.Replace(head, "name: a", `name: "a-${matrix.n}"`, 1)+`  schedule: "@daily"
  target: {all: true}
  run: {command: [/bin/echo, "${matrix.word}"]}
  matrix: {n: [1], word: ["\", user: root, x: [\"$1${word}"]}
`))
	require.Empty(t, problems)
	require.Equal(t, []string{"/bin/echo", `", user: root, x: ["$1${word}`}, docs[0].Job.Spec.Run.Command)
	require.Empty(t, docs[0].Job.Spec.Run.User)
}

// A placeholder that the text hides behind an escape is one like any other: no pattern of
// the schema lets it through.
func TestAPlaceholderIsFoundBehindAnEscape(t *testing.T) {
	docs, problems := manifests.Decode("m.yaml", []byte(strings.Replace(head, "name: a", `name: "a$\x7bmatrix.b; rm"`, 1)+"  schedule: '@daily'\n  target: {all: true}\n  run: {script: x}\n"))
	require.Equal(t, []string{"3:18 matrix /metadata/name"}, places(problems))
	require.Empty(t, docs)
}

func TestDefaultsAreGivenToEveryJobOfAMatrix(t *testing.T) {
	jobs, problems := load(t, map[string]string{
		"defaults.yaml": "Defaults\nmetadata: {namespace: n}\nspec: {target: {labels: {env: prod}}, schedule: H H * * *}\n",
		"m.yaml":        "Job\nmetadata: {name: m}\nspec: {target: {labels: {region: '${matrix.region}'}}, run: {script: x}, matrix: {region: [eu, us]}}\n",
	})
	require.Empty(t, problems)
	require.Len(t, jobs, 2)
	require.Equal(t, crontopus.Target{Labels: map[string]string{"env": "prod", "region": "us"}}, jobs["n/m-us"].Spec.Target)
}

func TestJobsOfAMatrixMeetOthers(t *testing.T) {
	_, problems := load(t, map[string]string{
		"m.yaml": "Job\nmetadata: {name: m}\nspec: {target: {all: true}, schedule: '@daily', run: {script: '${matrix.region}'}, matrix: {region: [eu, us]}}\n",
		"o.yaml": "Job\nmetadata: {name: m-us}\nspec: {target: {all: true}, schedule: '@daily', run: {script: x}}\n",
	})
	require.Equal(t, []string{
		"m.yaml:3:18 duplicate_job: the job default/m-us is also in o.yaml:3 (rename one of the two, or give it another namespace)",
		"o.yaml:3:18 duplicate_job: the job default/m-us is also in m.yaml:3 (rename one of the two, or give it another namespace)",
	}, problems)
}
