package ci_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/ci"
)

// gitlabJob is what of GitLab's keywords (docs.gitlab.com/ci/yaml) our pipeline may use: a
// keyword of another spelling is one that GitLab refuses, or passes over.
type gitlabJob struct {
	Image     string         `yaml:"image"`
	Variables map[string]any `yaml:"variables"`
	Rules     []struct {
		If string `yaml:"if"`
	} `yaml:"rules"`
	Before    []string `yaml:"before_script"`
	Script    []string `yaml:"script"`
	After     []string `yaml:"after_script"`
	Artifacts struct {
		When    string `yaml:"when"`
		Reports struct {
			JUnit string `yaml:"junit"`
		} `yaml:"reports"`
	} `yaml:"artifacts"`
}

// gitlabSets are the variables that GitLab sets (docs.gitlab.com/ci/variables/predefined_variables),
// as far as a job of ours asks for any.
var gitlabSets = []string{
	"CI_PIPELINE_SOURCE", "CI_COMMIT_BRANCH", "CI_DEFAULT_BRANCH", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_DIFF_BASE_SHA",
}

// woodpeckerWhen is a filter of Woodpecker (woodpecker-ci.org/docs/usage/workflow-syntax).
type woodpeckerWhen struct {
	Event  string `yaml:"event"`
	Branch string `yaml:"branch"`
}

// woodpecker is what of Woodpecker's workflow our pipeline may use.
type woodpecker struct {
	When  []woodpeckerWhen `yaml:"when"`
	Steps []struct {
		Name        string           `yaml:"name"`
		Image       string           `yaml:"image"`
		When        []woodpeckerWhen `yaml:"when"`
		Failure     string           `yaml:"failure"`
		Environment map[string]struct {
			FromSecret string `yaml:"from_secret"`
		} `yaml:"environment"`
		Commands []string `yaml:"commands"`
	} `yaml:"steps"`
}

var woodpeckerSets = []string{"CI_COMMIT_TARGET_BRANCH"}

// strictly decodes a pipeline, of which no key may be unknown.
func strictly(t *testing.T, text []byte, into any) {
	t.Helper()
	require.NoError(t, yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into))
}

// requireVariables checks that what scripts ask the CI for is what it sets.
func requireVariables(t *testing.T, set []string, scripts ...string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`\$\{?(CI_[A-Z_]+)`).FindAllStringSubmatch(strings.Join(scripts, "\n"), -1) {
		require.Contains(t, set, m[1])
	}
}

func TestTheGitLabPipelineHasTheStructureOfOne(t *testing.T) {
	t.Parallel()
	file, err := ci.Pipeline("gitlab")
	require.NoError(t, err)
	require.Equal(t, ".gitlab-ci.yml", file.Path)
	var jobs map[string]gitlabJob
	strictly(t, file.Text, &jobs)
	require.Len(t, jobs, 1)
	for _, job := range jobs {
		require.NotEmpty(t, job.Image)
		require.NotEmpty(t, job.Script, "a job without a script is none")
		require.Equal(t, map[string]any{"GIT_DEPTH": uint64(0)}, job.Variables, "the base of a merge request is to be there")
		require.Equal(t, "always", job.Artifacts.When, "a report of what failed, too")
		require.Contains(t, strings.Join(job.After, "\n"), "> "+job.Artifacts.Reports.JUnit)
		scripts := slices.Concat(job.Before, job.Script, job.After)
		for _, rule := range job.Rules {
			require.Regexp(t, `^\$[A-Z_]+ == (\$[A-Z_]+|"[a-z_]+")$`, rule.If)
			scripts = append(scripts, rule.If)
		}
		requireVariables(t, gitlabSets, scripts...)
	}
}

func TestTheWoodpeckerPipelineHasTheStructureOfOne(t *testing.T) {
	t.Parallel()
	file, err := ci.Pipeline("woodpecker")
	require.NoError(t, err)
	require.Equal(t, ".woodpecker/crontopus.yml", file.Path)
	with := strings.NewReplacer("# environment:", "environment:", "#   CRONTOPUS_COMMENT_TOKEN:", "  CRONTOPUS_COMMENT_TOKEN:").Replace(string(file.Text))
	require.NotEqual(t, string(file.Text), with, "what a comment says to add is checked, too")
	for _, text := range []string{string(file.Text), with} {
		var w woodpecker
		strictly(t, []byte(text), &w)
		events := []string{"push", "pull_request"}
		for _, when := range w.When {
			require.Contains(t, events, when.Event)
		}
		names := map[string]bool{}
		for _, step := range w.Steps {
			require.NotEmpty(t, step.Image, step.Name)
			require.NotEmpty(t, step.Commands, step.Name)
			require.False(t, names[step.Name], "a step's name is its own: %s", step.Name)
			names[step.Name] = true
			require.Contains(t, []string{"", "ignore", "fail"}, step.Failure)
			for _, when := range step.When {
				require.Contains(t, events, when.Event)
			}
			for name, value := range step.Environment {
				require.Regexp(t, `^[a-z_]+$`, value.FromSecret, name)
			}
			requireVariables(t, woodpeckerSets, step.Commands...)
		}
	}
}
