package manifests_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

const defaultsHead = "apiVersion: crontopus.dev/v1\nkind: Defaults\n"

// folder is files by path; what begins with "Defaults" or "Job" gets the head of one.
func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		text = strings.Replace(text, "Defaults\n", defaultsHead, 1)
		text = strings.Replace(text, "Job\n", "apiVersion: crontopus.dev/v1\nkind: Job\n", 1)
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func load(t *testing.T, files map[string]string) (map[string]*crontopus.Job, []string) {
	t.Helper()
	docs, problems, err := manifests.Load(folder(files), ".")
	require.NoError(t, err)
	jobs := map[string]*crontopus.Job{}
	for _, doc := range docs {
		jobs[doc.Job.Name().String()] = doc.Job
	}
	var said []string
	for _, p := range problems {
		said = append(said, fmt.Sprintf("%s %s: %s (%s)", p.Place(), p.Code, p.Message, p.Hint))
	}
	return jobs, said
}

func TestTheNearestDefaultsWinFieldByField(t *testing.T) {
	jobs, problems := load(t, map[string]string{
		"defaults.yaml": `Defaults
metadata: {name: of-everybody, namespace: main, labels: {team: platform, tier: low}, annotations: {runbook: here}}
spec:
  schedule: H 3 * * *
  timezone: Europe/Helsinki
  target: {labels: {env: prod}}
  run: {user: batch, timeout: 45m, environment: {A: far, B: far}, retries: {limit: 3, backoff: 1m}, successExitCodes: [0, 7]}
  monitor: {grace: 20m}
`,
		"payments/anything.yml": `Defaults
metadata: {namespace: payments, labels: {team: payments}}
spec:
  run: {timeout: 10m, environment: {B: near}, successExitCodes: [0]}
  suspend: true
`,
		"payments/eu/job.yaml": `Job
metadata: {name: a, labels: {tier: high}}
spec:
  target: {labels: {role: db}}
  run: {command: [/bin/a], environment: {C: own}, retries: {limit: 5}}
  monitor: {catchUp: once}
  suspend: false
`,
		"other/job.yaml": "Job\nmetadata: {name: b}\nspec: {run: {script: x}}\n",
	})
	require.Empty(t, problems)
	got, err := json.Marshal(jobs["payments/a"])
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion": "crontopus.dev/v1", "kind": "Job",
		"metadata": {"name": "a", "namespace": "payments", "labels": {"team": "payments", "tier": "high"}, "annotations": {"runbook": "here"}},
		"spec": {"schedule": "H 3 * * *", "timezone": "Europe/Helsinki", "target": {"labels": {"env": "prod", "role": "db"}},
			"run": {"command": ["/bin/a"], "user": "batch", "environment": {"A": "far", "B": "near", "C": "own"}, "timeout": "10m", "concurrency": "forbid",
				"retries": {"limit": 5, "backoff": "1m", "maxBackoff": "10m"}, "successExitCodes": [0], "captureOutput": "10KiB"},
			"monitor": {"grace": "20m", "maxDuration": "10m", "catchUp": "once"}}}`, string(got))
	b := jobs["main/b"]
	require.NotNil(t, b)
	require.Equal(t, map[string]string{"A": "far", "B": "far"}, b.Spec.Run.Environment)
	require.Equal(t, []int{0, 7}, b.Spec.Run.SuccessExitCodes)
	require.False(t, b.Spec.Suspend)
}

// Of what only one of can be said, the nearer takes the place of the farther.
func TestANearerChoiceTakesThePlaceOfAFartherOne(t *testing.T) {
	for _, c := range []struct{ name, defaults, job, want string }{
		{"agents instead of labels", "target: {labels: {role: db}}", "target: {agents: [db-01]}\n  run: {script: x}", `"target":{"agents":["db-01"]}`},
		{"labels instead of all", "target: {all: true}", "target: {labels: {role: db}}\n  run: {script: x}", `"target":{"labels":{"role":"db"}}`},
		{"a command instead of a script", "target: {all: true}\n  run: {script: x, shell: /bin/bash}", "run: {command: [/bin/a]}", `"run":{"command":["/bin/a"],"conc`},
		{"a default shell is for scripts", "target: {all: true}\n  run: {shell: /bin/bash}", "run: {script: x}", `"script":"x","shell":"/bin/bash"`},
		{"a default shell is not for commands", "target: {all: true}\n  run: {shell: /bin/bash}", "run: {command: [/bin/a]}", `"run":{"command":["/bin/a"],"conc`},
		{"everything from Defaults", "target: {all: true}\n  run: {command: [/bin/a], shell: /bin/bash}", "suspend: true", `"run":{"command":["/bin/a"],"conc`},
		{"a secret instead of a variable", "target: {all: true}\n  run: {environment: {A: x, B: y}}", "run: {script: x, secrets: {A: 'file:/a'}}", `"environment":{"B":"y"},"secrets":{"A":"file:/a"}`},
		{"a variable instead of a secret", "target: {all: true}\n  run: {secrets: {A: 'file:/a', B: 'file:/b'}}", "run: {script: x, environment: {A: x}}", `"environment":{"A":"x"},"secrets":{"B":"file:/b"}`},
		{"one schedule instead of two", "target: {all: true}\n  schedule: ['@daily', '@hourly']", "schedule: '@weekly'\n  run: {script: x}", `"schedule":"@weekly"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			defaults := c.defaults
			if !strings.Contains(defaults, "schedule") {
				defaults += "\n  schedule: '@daily'"
			}
			jobs, problems := load(t, map[string]string{
				"defaults.yaml": "Defaults\nspec:\n  " + defaults + "\n",
				"a.yaml":        "Job\nmetadata: {name: a}\nspec:\n  " + c.job + "\n",
				"b.yaml":        "Job\nmetadata: {name: b}\nspec:\n  target: {agents: [b]}\n  run: {script: b, shell: /bin/b}\n",
			})
			require.Empty(t, problems)
			got, err := json.Marshal(jobs["default/a"])
			require.NoError(t, err)
			require.Contains(t, string(got), c.want)
			require.Equal(t, "/bin/b", jobs["default/b"].Spec.Run.Shell, "what another job says changes nothing here")
		})
	}
}

func TestWhatIsWrongIsSaidWhereItStandsAndOnce(t *testing.T) {
	job := "Job\nmetadata: {name: NAME}\nspec: {run: {script: x}}\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"a bad value in Defaults: there, and not at each job", map[string]string{
			"defaults.yaml": "Defaults\nspec:\n  timezone: Europe/Helsinky\n", "a.yaml": job, "below/b.yaml": strings.Replace(job, "NAME", "b", 1),
		}, []string{
			`defaults.yaml:4:13 timezone: "Europe/Helsinky" is not a time zone (did you mean Europe/Helsinki?)`,
			`a.yaml:3:18 invalid: "NAME" is not a name: lowercase letters, digits and dashes, at most 63, with a letter or digit at both ends (write it like nightly-backup)`,
		}},
		{"what a job lacks after Defaults", map[string]string{
			"defaults.yaml": "Defaults\nspec: {target: {all: true}}\n", "a.yaml": strings.Replace(job, "NAME", "a", 1),
		}, []string{"a.yaml:4:1 missing_field: spec lacks schedule (add `schedule: \"30 2 * * *\"`)"}},
		{"nothing in common with other folders", map[string]string{
			"a/defaults.yaml": "Defaults\nspec: {target: {all: true}, schedule: '@daily'}\n", "ab/a.yaml": strings.Replace(job, "NAME", "a", 1),
		}, []string{"ab/a.yaml:4:1 missing_field: spec lacks schedule (add `schedule: \"30 2 * * *\"`)"}},
		{"right by itself, and not together", map[string]string{
			"defaults.yaml": "Defaults\nspec:\n  schedule: '@daily'\n  target: {all: true}\n  run:\n    retries: {limit: 1, maxBackoff: 1m}\n",
			"a.yaml":        "Job\nmetadata: {name: a}\nspec:\n  run:\n    script: x\n    retries: {backoff: 2m}\n",
		}, []string{"a.yaml:7:5 invalid: maxBackoff is shorter than backoff (write 2m or more, or leave it out; the value comes from defaults.yaml:7)"}},
		{"two in a folder: neither is taken", map[string]string{
			"x.yaml": "Defaults\nspec: {target: {all: true}}\n", "y.yaml": "Defaults\nspec: {schedule: '@daily'}\n", "a.yaml": strings.Replace(job, "NAME", "a", 1),
		}, []string{
			"x.yaml:2:7 duplicate_defaults: the folder has other Defaults in y.yaml:2 (put both into one document, or move one to the folder that it is for)",
			"y.yaml:2:7 duplicate_defaults: the folder has other Defaults in x.yaml:2 (put both into one document, or move one to the folder that it is for)",
		}},
		{"nothing but a kind is fine", map[string]string{"defaults.yaml": "Defaults\n"}, nil},
		{"the namespace makes one name of two", map[string]string{
			"x/defaults.yaml": "Defaults\nmetadata: {namespace: n}\nspec: {target: {all: true}, schedule: '@daily'}\n", "x/a.yaml": strings.Replace(job, "NAME", "a", 1),
			"y/a.yaml": "Job\nmetadata: {name: a, namespace: n}\nspec: {target: {all: true}, schedule: '@daily', run: {script: x}}\n",
		}, []string{
			"x/a.yaml:3:18 duplicate_job: the job n/a is also in y/a.yaml:3 (rename one of the two, or give it another namespace)",
			"y/a.yaml:3:18 duplicate_job: the job n/a is also in x/a.yaml:3 (rename one of the two, or give it another namespace)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := load(t, c.files)
			require.ElementsMatch(t, c.want, problems)
		})
	}
}

// The Defaults of a file are found wherever they stand, and whatever it is called.
func TestDefaultsAndJobsMayShareAFile(t *testing.T) {
	docs, problems := manifests.Decode("all.yaml", []byte("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: a}\nspec: {run: {script: x}}\n---\n"+
		defaultsHead+"metadata: {namespace: n}\nspec: {target: {all: true}, schedule: '@daily'}\n"))
	require.Empty(t, problems)
	require.Equal(t, []string{"all.yaml n/a"}, names(docs))
	require.Equal(t, manifests.Place{File: "all.yaml", Line: 9, Column: 8}, docs[0].At("/spec/target"))
	require.Equal(t, manifests.Place{File: "all.yaml", Line: 8, Column: 23}, docs[0].At("/metadata/namespace"))
	require.Equal(t, manifests.Place{File: "all.yaml", Line: 3, Column: 18}, docs[0].At("/metadata/name"))
}

func TestAFileByItselfFindsTheDefaultsAboveIt(t *testing.T) {
	files := map[string]string{
		"defaults.yaml":      "Defaults\nspec: {target: {all: true}}\n",
		"a/team.yaml":        "Defaults\nspec: {schedule: '@daily'}\n",
		"a/ignored.yaml":     "Defaults\nspec: {schedule: '@hourly'}\n",
		"a/.crontopusignore": "ignored.yaml\n",
		"a/other.yaml":       "# Defaults of something else\nname: x\n",
		"b/defaults.yaml":    "Defaults\nspec: {schedule: 5}\n",
	}
	shown := func(name string) string { return "shown/" + name }
	scope, problems, err := manifests.Above(folder(files), "a/b", shown)
	require.ErrorContains(t, err, "a/b", "a folder that is not there")
	require.Nil(t, scope)
	require.Nil(t, problems)

	scope, problems, err = manifests.Above(folder(files), "a", shown)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, []string{"shown/defaults.yaml", "shown/a/team.yaml"}, scope.Files())
	file := manifests.Reader{}.Decode("j.yaml", folder(map[string]string{"j": "Job\nmetadata: {name: a}\nspec: {run: {script: x}}\n"})["j"].Data, scope)
	require.Empty(t, file.Problems)
	require.Equal(t, crontopus.Schedules{"@daily"}, file.Documents[0].Job.Spec.Schedule)

	_, problems, err = manifests.Above(folder(files), "b", shown)
	require.NoError(t, err)
	require.Equal(t, []string{"3:18 wrong_type /spec/schedule"}, places(problems))

	for i := range 300 { // where there are many files, only those that are named like it are looked at
		files[fmt.Sprintf("a/f%d.yaml", i)] = "x"
	}
	scope, _, err = manifests.Above(folder(files), "a", shown)
	require.NoError(t, err)
	require.Equal(t, []string{"shown/defaults.yaml"}, scope.Files())
}
