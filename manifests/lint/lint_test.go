package lint_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

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
	for _, p := range append(tree.Problems, lint.Check(tree.Documents)...) {
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
