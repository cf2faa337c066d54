package metrics_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const deploy = "../../deploy/"

// rules is what a file of Prometheus's rules says.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, Record string
			Labels, Annotations map[string]string
		}
	}
}

func alertRules(t *testing.T) (r rules) {
	t.Helper()
	text, err := os.ReadFile(deploy + "prometheus/rules.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &r))
	require.NotEmpty(t, r.Groups)
	return r
}

// promtool runs it and returns what it prints.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool comes with Debian's package prometheus: make install-deps installs it")
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestPromtoolAcceptsTheAlertRulesAndTheyTellWhatTheirTestsSay(t *testing.T) {
	require.Contains(t, promtool(t, "check", "rules", deploy+"prometheus/rules.yaml"), "SUCCESS")
	require.Contains(t, promtool(t, "test", "rules", deploy+"prometheus/rules_test.yaml"), "SUCCESS")
}

// Each alert has a test in which it is told, and says how bad it is and what to do.
func TestEveryAlertIsShownToBeTold(t *testing.T) {
	var scenes struct {
		Tests []struct {
			Alerts []struct {
				Name string `yaml:"alertname"`
				Told []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	text, err := os.ReadFile(deploy + "prometheus/rules_test.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &scenes))
	told := map[string]bool{}
	for _, scene := range scenes.Tests {
		for _, a := range scene.Alerts {
			told[a.Name] = told[a.Name] || len(a.Told) > 0
		}
	}
	readme, err := os.ReadFile(deploy + "README.md")
	require.NoError(t, err)
	for _, r := range alertRules(t).Groups[0].Rules {
		require.True(t, told[r.Alert], "%s is told in no test", r.Alert)
		require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Contains(t, string(readme), "| `"+r.Alert+"` | "+r.Labels["severity"]+" |")
	}
}

// panel is one of a dashboard of Grafana.
type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ Type, UID string }
	Targets     []struct {
		RefID, Expr string
		Datasource  struct{ Type, UID string }
	}
}

func dashboard(t *testing.T) (d struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []struct{ Name, Type string } }
}) {
	t.Helper()
	text, err := os.ReadFile(deploy + "grafana/dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

func TestTheDashboardIsOneThatGrafanaCanShow(t *testing.T) {
	d := dashboard(t)
	require.NotEmpty(t, d.UID)
	require.NotEmpty(t, d.Title)
	require.GreaterOrEqual(t, d.SchemaVersion, 39, "Grafana 10 and newer")
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	require.Equal(t, []string{"datasource datasource", "job query"}, variables)
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		require.NotZero(t, p.ID, p.Title)
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		require.NotEmpty(t, p.Title)
		require.Positive(t, p.GridPos.W*p.GridPos.H, p.Title)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[at], "%s lies on it", p.Title)
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			require.Empty(t, p.Targets, p.Title)
			continue
		}
		require.Contains(t, []string{"timeseries", "stat"}, p.Type, p.Title)
		require.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		letters := map[string]bool{}
		for _, target := range p.Targets {
			require.False(t, letters[target.RefID], p.Title)
			letters[target.RefID] = true
			require.Equal(t, "${datasource}", target.Datasource.UID, p.Title)
			require.Contains(t, target.Expr, `job="$job"`, "%s shows other installations, too", p.Title)
		}
	}
}

// queries returns the expressions of the dashboard, as Grafana sends them, and of the rules.
func queries(t *testing.T) (list []string) {
	t.Helper()
	asSent := strings.NewReplacer("$job", "crontopus", "$__rate_interval", "1m")
	for _, p := range dashboard(t).Panels {
		for _, target := range p.Targets {
			list = append(list, asSent.Replace(target.Expr))
		}
	}
	require.NotEmpty(t, list)
	return list
}

func TestTheDashboardsQueriesAreValid(t *testing.T) {
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var records []rule
	for _, q := range queries(t) {
		records = append(records, rule{Record: "panel", Expr: q})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": records}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "panels.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	promtool(t, "check", "rules", "--lint=none", file)
}

var (
	metricName = regexp.MustCompile(`\b(?:crontopus|go|process)_[a-z_]+\b(\{[^}]*\})?`)
	matcher    = regexp.MustCompile(`(\w+)(=~|!=|=)"([^"]*)"`)
)

// What dashboard and rules ask for, the server shows: each name, and each label with the value that it must have.
func TestDashboardAndRulesAskForWhatTheServerShows(t *testing.T) {
	list := queries(t)
	for _, r := range alertRules(t).Groups[0].Rules {
		list = append(list, r.Expr)
	}
	shown := strings.Split(page(t, busy()), "\n")
	used := 0
	for _, q := range list {
		for _, m := range metricName.FindAllStringSubmatch(q, -1) {
			used++
			name, _, _ := strings.Cut(m[0], "{")
			var series []string
			for _, line := range shown {
				if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == '{' || rest[0] == ' ') {
					series = append(series, line)
				}
			}
			require.NotEmpty(t, series, "no metric is called %s: %s", name, q)
			for _, want := range matcher.FindAllStringSubmatch(m[1], -1) {
				requireLabel(t, series, want[1], want[3], q)
			}
		}
	}
	require.Greater(t, used, 50)
}

// requireLabel requires that some series has the label with the value, or with each of a|b.
func requireLabel(t *testing.T, series []string, label, values, query string) {
	t.Helper()
	if label == "job" || label == "instance" {
		return // Prometheus adds them
	}
	for value := range strings.SplitSeq(values, "|") {
		require.True(t, slices.ContainsFunc(series, func(s string) bool { return strings.Contains(s, label+`="`+value+`"`) }),
			"nothing has %s=%q: %s", label, value, query)
	}
}

// What is by some label there must be one.
func TestDashboardAndRulesSumByLabelsThatThereAre(t *testing.T) {
	by := regexp.MustCompile(`by \(([^)]*)\)`)
	text := page(t, busy())
	for _, q := range queries(t) {
		for _, m := range by.FindAllStringSubmatch(q, -1) {
			for label := range strings.SplitSeq(m[1], ", ") {
				require.True(t, label == "job" || label == "instance" || strings.Contains(text, label+`="`), "%s: %s", label, q)
			}
		}
	}
}

func TestAFailureThatIsTheFirstOfItsKindIsAnIncrease(t *testing.T) {
	text := page(t, busy())
	for _, line := range []string{
		`crontopus_notification_attempts_total{channel="pagerduty",outcome="failed"} 0`,
		`crontopus_check_ins_total{event="start",outcome="unavailable"} 0`,
		`crontopus_incidents_opened_total{kind="drift"} 0`,
	} {
		require.Contains(t, text, "\n"+line+"\n")
	}
}
