package lint_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/lint"
)

var update = flag.Bool("update", false, "write docs/lint-rules.md anew")

// quiet is a manifest that no rule warns of; a test changes a line of it.
const quiet = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: job}
spec:
  schedule: "30 4 * * *"
  timezone: Europe/Helsinki
  target: {all: true}
  run: {command: [/usr/local/bin/job], timeout: 10m}
`

// said lints files of the name and content and returns "file:line:column rule: message".
func said(t *testing.T, files map[string]string) []string {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	tree, err := manifests.Reader{Inspect: lint.Inspect}.Read(fsys, ".", func(name string) string { return name })
	require.NoError(t, err)
	out := []string{}
	noCache := []crontopus.Agent{{Name: "a", Labels: map[string]string{"role": "db"}}} // and whatever else a target asks for
	for _, doc := range tree.Documents {
		if labels := doc.Job.Spec.Target.Labels; labels["role"] != "cache" {
			noCache = append(noCache, crontopus.Agent{Labels: labels})
		}
	}
	problems := append(tree.Problems, lint.Check(tree.Documents)...)
	problems = append(problems, lint.CheckFolder(&tree)...)
	problems = append(problems, lint.CheckAgainst(tree.Documents, noCache)...)
	for _, p := range problems {
		require.NotEqual(t, crontopus.SeverityError, p.Level(), "%+v", p)
		require.NotEmpty(t, p.Hint)
		require.NotEmpty(t, lint.Page(p.Code))
		out = append(out, fmt.Sprintf("%s %s: %s", p.Place(), p.Code, p.Message))
	}
	return out
}

func TestRulesOfOneManifest(t *testing.T) {
	t.Parallel()
	const run = "  run: {command: [/usr/local/bin/job], timeout: 10m}"
	const at = `  schedule: "30 4 * * *"`
	for _, c := range []struct{ situation, line, changed, want string }{
		{"nothing odd", run, run, ""},
		{"no timeout", run, "  run: {command: [/usr/local/bin/job]}", "8:3 no-timeout: the job has no timeout: a run that hangs blocks all later ones"},
		{"allowed on its line", run, "  run: {command: [/usr/local/bin/job]} # crontopus: allow no-timeout", ""},
		{"allowed on the line above", run, "  # crontopus: allow herd, no-timeout\n  run: {command: [/usr/local/bin/job]}", ""},
		{"allowed two lines above", run, "  # crontopus: allow no-timeout\n\n  run: {command: [/usr/local/bin/job]}", "10:3 no-timeout: the job has no timeout: a run that hangs blocks all later ones"},
		{"another rule allowed", run, "  run: {command: [/usr/local/bin/job]} # crontopus: allow herd", "8:3 no-timeout: the job has no timeout: a run that hangs blocks all later ones"},
		{"allowed for the document", "apiVersion", "# crontopus: allow no-timeout\n\napiVersion", ""},

		{"either day", at, `  schedule: "0 4 13 * 5"`, `5:13 two-day-fields: "0 4 13 * 5" runs on days that match either day field, not both`},
		{"both days", at, `  schedule: "0 4 */2 * 1"`, `5:13 two-day-fields: "0 4 */2 * 1" runs on days that match both day fields, because one begins with *`},
		{"the second of two", at, "  schedule:\n  - 0 4 * * *\n  - 0 4 1 * 1", `7:5 two-day-fields: "0 4 1 * 1" runs on days that match either day field, not both`},

		{"in the gap", at, `  schedule: "30 3 * * *"`, "5:13 dst-hazard: 03:30 in Europe/Helsinki does not exist on 2027-03-28, and the job runs right after the change of the clock"},
		{"a wildcard in the gap", at, `  schedule: "*/30 3 * * *"`, "5:13 dst-hazard: 03:00 in Europe/Helsinki does not exist on 2027-03-28, and the job does not run then"},
		{"every hour", at, `  schedule: "30 * * * *"`, ""},
		{"the host's own zone", "timezone: Europe/Helsinki", "timezone: host", ""},

		{"runs beside one another", "schedule: \"30 4 * * *\"\n  timezone: Europe/Helsinki\n  target: {all: true}\n" + run,
			"schedule: \"*/5 * * * *\"\n  target: {all: true}\n  run: {command: [/bin/poll], timeout: 10m, concurrency: allow}",
			"7:40 overlapping-runs: runs come every 5m and may take 10m each, beside one another"},
		{"concurrency allow with a short timeout", run, "  run: {command: [/bin/poll], timeout: 10m, concurrency: allow}", ""},

		{"a token", run, run[:len(run)-1] + ", environment: {API_TOKEN: 8f14e45fceea}}", "8:79 secret-literal: API_TOKEN looks like a secret, written out"},
		{"a file of a token", run, run[:len(run)-1] + ", environment: {API_TOKEN: /run/token, TOKENIZER: fast, MAX_TOKENS: many}}", ""},
		{"a password in an address", run, run[:len(run)-1] + `, environment: {DSN: "postgres://app:hunter22@db/app"}}`, "8:73 secret-literal: DSN looks like a secret, written out"},
		{"an address with a name only", run, run[:len(run)-1] + `, environment: {DSN: "postgres://app@db:5432/app"}}`, ""},
		{"an option", run, "  run: {command: [/bin/sync, --password=hunter2], timeout: 1m}", "8:30 secret-literal: this argument looks like a secret, written out"},
		{"an option that names a file", run, "  run: {command: [/bin/sync, --token=/run/token], timeout: 1m}", ""},
		{"a key in a script", run, "  run:\n    timeout: 1m\n    script: |\n      export X=AKIAIOSFODNN7EXAMPLE\n", "10:13 secret-literal: the script has what looks like a secret, written out"},

		{"a program in /tmp", run, "  run: {command: [/tmp/job.sh], timeout: 1m}", "8:19 world-writable-path: anybody on the host may put another program at /tmp/job.sh"},
		{"a folder in /var/tmp", run, run[:len(run)-1] + ", workingDirectory: /var/tmp/x}", "8:72 world-writable-path: anybody on the host may write to /var/tmp/x"},
		{"a folder that begins alike", run, run[:len(run)-1] + ", workingDirectory: /tmpfiles}", ""},

		{"a redirection", run, `  run: {command: [/usr/bin/pg_dump, orders, ">", /srv/x.sql], timeout: 1m}`, `8:45 shell-line: no shell reads the command: the program gets ">" as it is`},
		{"a variable", run, `  run: {command: [/bin/echo, $HOME], timeout: 1m}`, `8:30 shell-line: no shell reads the command: the program gets "$HOME" as it is`},
		{"a shell's own line", run, `  run: {command: [/bin/sh, -c, "a | b"], timeout: 1m}`, ""},
		{"arguments that only look odd", run, `  run: {command: [/bin/job, "a>b", "50%", "x;y", "-"], timeout: 1m}`, ""},
	} {
		t.Run(c.situation, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, quiet, c.line)
			got := said(t, map[string]string{"job.yaml": strings.Replace(quiet, c.line, c.changed, 1)})
			want := []string{}
			if c.want != "" {
				want = append(want, "job.yaml:"+c.want)
			}
			require.Equal(t, want, got)
		})
	}
}

func named(name, replace, by string) string {
	return strings.Replace(strings.Replace(quiet, "name: job", "name: "+name, 1), replace, by, 1)
}

func TestAHerdIsToldOnce(t *testing.T) {
	t.Parallel()
	herd := func(n int, replace, by string) map[string]string {
		files := map[string]string{}
		for i := range n {
			name := fmt.Sprintf("job-%c%c", 'a'+i/8, 'a'+i%8)
			files[name+".yaml"] = named(name, replace, by)
		}
		return files
	}
	require.Empty(t, said(t, herd(20, "", "")), "twenty are no herd")
	require.Equal(t, []string{"job-aa.yaml:5:13 herd: 20 jobs start on all agents in the same minute as this one"}, said(t, herd(21, "", "")))
	require.Empty(t, said(t, herd(40, "timeout: 10m", "timeout: 10m, splay: 5m")), "they spread themselves")
	require.Empty(t, said(t, herd(40, "30 4 * * *", "H 4 * * *")), "H spreads them")
	require.Empty(t, said(t, herd(40, "30 4 * * *", "*/5 * * * *")), "what comes all the time meets everything")
	require.Equal(t, []string{"job-aa.yaml:5:13 herd: 29 jobs start on all agents in the same minute as this one"}, said(t, herd(30, "30 4 * * *", "0 * * * *")))

	const zone = "timezone: Europe/Helsinki"
	require.Equal(t, []string{"job-aa.yaml:5:13 herd: 20 jobs start on all agents in the same minute as this one"}, said(t, herd(21, zone, "timezone: host")),
		"each host has one clock")
	zones := herd(40, "", "")
	for name, text := range herd(20, zone, "timezone: host") {
		zones[name] = text
	}
	require.Empty(t, said(t, zones), "whose clocks meet is not known")

	apart := herd(21, "", "")
	apart["job-aa.yaml"] = named("job-aa", "{all: true}", "{labels: {role: db}}")
	require.Empty(t, said(t, apart), "another target")
	allowed := herd(21, "", "")
	allowed["job-aa.yaml"] = named("job-aa", "  schedule:", "  # crontopus: allow herd\n  schedule:")
	require.Empty(t, said(t, allowed))
}

func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"b.yaml:3:18 similar-name: backup-l looks like backup-1 in a.yaml:3"},
		said(t, map[string]string{"a.yaml": named("backup-1", "", ""), "b.yaml": named("backup-l", "", "")}))
	require.Empty(t, said(t, map[string]string{"a.yaml": named("backup-1", "", ""), "b.yaml": named("backup-2", "", "")}))
	require.Empty(t, said(t, map[string]string{"a.yaml": named("db-10", "", ""), "b.yaml": named("db-00", "", "")}), "numbers are read")
	require.Empty(t, said(t, map[string]string{"a.yaml": named("o", "", ""), "b.yaml": named("0, namespace: other", "name: 0", "name: \"0\"")}))
}

func TestThePageSaysWhatTheRulesAre(t *testing.T) {
	t.Parallel()
	const page = "../../docs/lint-rules.md"
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(lint.Markdown()), 0o644))
	}
	written, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, lint.Markdown(), string(written), "run make generate")
	require.Empty(t, lint.Page("no-such-rule"))
}

// odd are manifests for each rule that it warns of, and nothing else does.
var odd = map[string]map[string]string{
	"no-timeout":          {"a.yaml": strings.Replace(quiet, ", timeout: 10m", "", 1)},
	"two-day-fields":      {"a.yaml": strings.Replace(quiet, "30 4 * * *", "30 4 13 * 5", 1)},
	"dst-hazard":          {"a.yaml": strings.Replace(quiet, "30 4 * * *", "30 3 * * *", 1)},
	"herd":                {},
	"overlapping-runs":    {"a.yaml": strings.Replace(strings.Replace(quiet, "30 4 * * *", "*/5 5-22 * * *", 1), "timeout: 10m", "timeout: 10m, concurrency: allow", 1)},
	"secret-literal":      {"a.yaml": strings.Replace(quiet, "timeout: 10m", "timeout: 10m, environment: {API_TOKEN: 8f14e45fceea}", 1)},
	"world-writable-path": {"a.yaml": strings.Replace(quiet, "/usr/local/bin/job", "/tmp/job", 1)},
	"shell-line":          {"a.yaml": strings.Replace(quiet, "[/usr/local/bin/job]", "[/bin/echo, $HOME]", 1)},
	"similar-name":        {"a.yaml": named("backup-1", "", ""), "b.yaml": named("backup-l", "30 4", "31 4")},
	"unknown-label": {"a.yaml": named("a", "{all: true}", "{labels: {role: database}}"), "b.yaml": named("b", "{all: true}", "{labels: {role: database}}"),
		"c.yaml": named("c", "{all: true}", "{labels: {role: database}}"), "d.yaml": named("d", "{all: true}", "{labels: {role: databse}}")},
	"no-agent": {"a.yaml": named("a", "{all: true}", "{labels: {role: cache}}")},
	"unknown-channel": {"a.yaml": "apiVersion: crontopus.dev/v1\nkind: AlertPolicy\nmetadata: {name: all}\nspec:\n" +
		"  match: {all: true}\n  notify:\n    - channel: chta\n"},
	"unknown-dependency": {"a.yaml": strings.TrimSuffix(quiet, "\n") + "\n  monitor:\n    dependsOn: [snapshto]\n"},
	"unknown-rule":       {"a.yaml": strings.Replace(quiet, "kind: Job", "kind: Job # crontopus: allow no-timeuot", 1)},
}

// TestACommentAllowsWhatItNames puts the comment on the line of each rule's finding, above it,
// above the first field and before the file's first document.
func TestACommentAllowsWhatItNames(t *testing.T) {
	t.Parallel()
	for i := range 21 {
		name := fmt.Sprintf("job-%c%c", 'a'+i/8, 'a'+i%8)
		odd["herd"][name+".yaml"] = named(name, "", "")
	}
	for _, rule := range lint.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			files := odd[rule.Name]
			found := said(t, files)
			require.Len(t, found, 1, "%v", files)
			place, message, _ := strings.Cut(found[0], " ")
			require.True(t, strings.HasPrefix(message, rule.Name+": "), found[0])
			at := strings.Split(place, ":")
			line, err := strconv.Atoi(at[1])
			require.NoError(t, err)
			lines := strings.Split(files[at[0]], "\n")
			with := func(before int, comment string, onLine bool) map[string]string {
				changed := slices.Clone(lines)
				if onLine {
					changed[before] += comment
				} else {
					changed = slices.Insert(changed, before, comment)
				}
				all := maps.Clone(files)
				all[at[0]] = strings.Join(changed, "\n")
				return all
			}
			mark := "# crontopus: allow " + rule.Name
			require.Empty(t, said(t, with(0, mark, false)), "above the first field")
			require.Empty(t, said(t, with(0, "---\n"+mark, false)), "above the first field, after the marker")
			require.Empty(t, said(t, with(0, "# what this is\n"+mark+"\n---", false)), "for the whole file")
			require.Empty(t, said(t, with(line-1, "  "+mark+", herd", false)), "on the line above")
			if rule.Name != "unknown-rule" { // whose line has such a comment
				require.Empty(t, said(t, with(line-1, " # why, and then\t"+mark, true)), "on its line")
			}
			require.Len(t, said(t, with(len(lines)-1, mark, false)), 1, "far away")
		})
	}
}

func TestWhatAServerKnowsOfHosts(t *testing.T) {
	t.Parallel()
	agents := []crontopus.Agent{
		{Name: "db-01", NameFixed: true, Labels: map[string]string{"role": "database", "site": "hel"}},
		{Name: "web-1", Labels: map[string]string{"role": "web"}, Facts: map[string]string{"os": "linux"}, MatchFacts: true},
		{Name: "old-1", NameFixed: true, Labels: map[string]string{"role": "old"}, RevokedAt: &time.Time{}},
	}
	for _, c := range []struct{ target, message, hint string }{
		{"{all: true}", "", ""},
		{"{labels: {role: database}}", "", ""},
		{"{labels: {fact/os: linux}}", "", ""},
		{"{agents: [db-01, db-99]}", "", ""},
		{"{labels: {role: databse}}", "no agent that the server knows has role=databse", "did you mean database?"},
		{"{labels: {role: cache}}", "no agent that the server knows has role=cache", "agents have database, web; "},
		{"{labels: {role: old}}", "no agent that the server knows has role=old", "agents have database, web; "},
		{"{labels: {room: a}}", "no agent that the server knows has room=a", "no agent has the label room; "},
		{"{labels: {role: web, site: hel}}", "no agent that the server knows has all of these labels", "enroll a host"},
		{"{agents: [db-02]}", "no agent that the server knows has one of these names", "did you mean db-01?"},
		{"{agents: [web-1]}", "the agent web-1 chose its name itself, and targets match only names that an operator fixed", "enroll it with crontopus agents enroll --name web-1"},
	} {
		docs, problems := manifests.Decode("a.yaml", []byte(named("a", "{all: true}", c.target)))
		require.Empty(t, problems)
		found := lint.CheckAgainst(docs, agents)
		if c.message == "" {
			require.Empty(t, found, c.target)
			continue
		}
		require.Len(t, found, 1, c.target)
		require.Equal(t, c.message, found[0].Message)
		require.Contains(t, found[0].Hint, c.hint)
		require.Equal(t, "a.yaml:7:3", found[0].Place())
	}
	docs, _ := manifests.Decode("a.yaml", []byte(named("a", "timeout: 10m}", "timeout: 10m}\n  suspend: true")))
	require.Empty(t, lint.CheckAgainst(docs, nil), "what is suspended runs nowhere anyway")
	docs, _ = manifests.Decode("a.yaml", []byte(quiet))
	require.Equal(t, "the server knows no agent yet", lint.CheckAgainst(docs, nil)[0].Message)
}

func TestLabelsThatAreMeant(t *testing.T) {
	t.Parallel()
	label := func(values ...string) map[string]string {
		files := map[string]string{}
		for i, value := range values {
			files[fmt.Sprintf("%c.yaml", 'a'+i)] = named(fmt.Sprintf("job-%c", 'a'+i), "{all: true}", "{labels: {"+value+"}}")
		}
		return files
	}
	require.Equal(t, []string{"d.yaml:7:3 unknown-label: no other target has the label hots, and many have host"}, said(t, label("host: a", "host: b", "host: c", "hots: d")))
	for situation, values := range map[string][]string{
		"two of many":     {"role: database", "role: database", "role: database", "role: databse", "role: databse"},
		"one of few":      {"role: database", "role: database", "role: databse"},
		"numbers":         {"host: web-01", "host: web-01", "host: web-01", "host: web-02"},
		"letters":         {"zone: east-a", "zone: east-a", "zone: east-a", "zone: east-b"},
		"one letter more": {"role: worker", "role: worker", "role: worker", "role: workers"},
		"short words":     {"role: db", "role: db", "role: db", "role: dc"},
		"another label":   {"role: database", "role: database", "role: database", "tier: databse"},
	} {
		require.Empty(t, said(t, label(values...)), situation)
	}
}

func TestARuleThatDoesNotExistIsToldOnceALine(t *testing.T) {
	t.Parallel()
	text := strings.Replace(quiet, "kind: Job", "kind: Job # crontopus: allow no-timeuot, herd because it is short", 1)
	require.Equal(t, []string{`a.yaml:2:30 unknown-rule: there is no lint rule "no-timeuot"`}, said(t, map[string]string{"a.yaml": text}))
	text = strings.Replace(quiet, "kind: Job", "kind: Job # é crontopus: allow x\n# crontopus: allow herd,,\thred ", 1)
	require.Equal(t, []string{`a.yaml:3:27 unknown-rule: there is no lint rule "hred"`}, said(t, map[string]string{"a.yaml": text}))
	require.Equal(t, []string{`a.yaml:1:22 unknown-rule: there is no lint rule "none"`},
		said(t, map[string]string{"a.yaml": "  # crontopus: allow none\n---\n" + named("b", "", "") + "---\n" + named("c", "", "")}), "above two documents")
}

func TestWhatIsNamedShouldBeThere(t *testing.T) {
	file := manifests.Reader{}.Alone("a.yaml", []byte(`apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: snapshot}
spec: {every: 1d, target: {ping: true}}
---
apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: backup}
spec:
  every: 1d
  target: {ping: true}
  monitor:
    dependsOn: [snapshto, snapshot]
---
apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: report}
spec:
  every: 1d
  target: {ping: true}
  monitor: {dependsOn: [elsewhere/export]} # crontopus: allow unknown-dependency
---
apiVersion: crontopus.dev/v1
kind: NotificationChannel
metadata: {name: chat}
spec: {type: slack, slack: {url: "secret:chat"}}
---
apiVersion: crontopus.dev/v1
kind: AlertPolicy
metadata: {name: all}
spec:
  match: {all: true}
  notify:
    - {channel: default/chat}
    - {channel: chta}
    - {channel: shared/pager} # crontopus: allow unknown-channel
`))
	require.Empty(t, file.Problems)
	problems := lint.CheckFolder(&manifests.Tree{Documents: file.Documents, Alerting: file.Alerting})
	var said []string
	for _, p := range problems {
		said = append(said, p.String()+" ("+p.Code+", "+p.Hint+")")
	}
	require.Equal(t, []string{
		"a.yaml:35:17: no manifest here is the NotificationChannel default/chta (unknown-channel, did you mean default/chat?)",
		"a.yaml:13:16: no manifest here is the job default/snapshto (unknown-dependency, did you mean default/snapshot?)",
	}, said)
}
