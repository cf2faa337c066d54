package manifests_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

const head = "apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: a}\nspec:\n"

func places(problems []crontopus.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%d:%d %s %s", p.Line, p.Column, p.Code, p.Path))
	}
	return out
}

func TestProblemsStandWhereTheEditorShowsThem(t *testing.T) {
	t.Parallel()
	spec := "  schedule: \"@daily\"\n  target: {all: true}\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"plain", head + spec + "  run: {command: [/bin/true], timeout: soon}\n", []string{"7:40 invalid /spec/run/timeout"}},
		{"behind letters of several bytes", head + spec + "  run: {command: [/bin/echo, 日本語 grüße 🐙], timeout: soon}\n", []string{"7:53 invalid /spec/run/timeout"}},
		{"after a BOM", "\ufeffapiVersion: v1\nkind: Job\n", []string{"1:13 api_version /apiVersion"}},
		{"CRLF", strings.ReplaceAll(head+spec+"  run: {script: x, timeout: soon}\n", "\n", "\r\n"), []string{"7:29 invalid /spec/run/timeout"}},
		{"behind a tab", head + spec + "  run:\t{script: x, timeout: soon}\n", []string{"7:29 invalid /spec/run/timeout"}},
		{"behind a block of text", head + spec + "  run:\n    script: |\n      one\n\n      two # no comment\n    timeout: soon\n", []string{"12:14 invalid /spec/run/timeout"}},
		{"behind a folded block", head + spec + "  run:\n    script: >-\n      one\n      two\n    timeout: soon\n", []string{"11:14 invalid /spec/run/timeout"}},
		{"behind a text over two lines", head + spec + "  run:\n    script: 'one\n      two'\n    timeout: soon\n", []string{"10:14 invalid /spec/run/timeout"}},
		{"in a second document", head + spec + "  run: {script: x}\n---\n# a comment\n" + head + spec + "  run: {script: x, timeout: soon}\n", []string{"16:29 invalid /spec/run/timeout"}},
		{"a field that is missing: its object", head + spec, []string{"4:1 missing_field /spec"}},
		{"a field without value: its name", head + spec + "  run:\n", []string{"7:3 wrong_type /spec/run"}},
		{"an item of a list", head + "  schedule:\n    - \"@daily\"\n    -   \"@dayly\"\n  target: {all: true}\n  run: {script: x}\n", []string{"7:9 schedule /spec/schedule/1"}},
		{"no newline at the end", head + spec + "  run: {script: x}\n  a: b", []string{"8:3 unknown_field /spec/a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := manifests.Decode("f.yaml", []byte(c.text))
			require.Equal(t, c.want, places(problems))
		})
	}
}

func TestWhatIsWrongInOneDocumentHidesNothingInTheNext(t *testing.T) {
	t.Parallel()
	good := head + "  schedule: \"@daily\"\n  target: {all: true}\n  run: {script: x}\n"
	docs, problems := manifests.Decode("f.yaml", []byte(
		"a: [1\n---\n"+good+"---\nkind: *x\n---\n---\n\n--- # nothing\n"+strings.Replace(good, "script", "skript", 1)+"...\n"+strings.Replace(good, "name: a", "name: b", 1)))
	require.Equal(t, []string{"1:4 syntax ", "11:7 yaml_feature ", "22:3 missing_field /spec/run", "22:9 unknown_field /spec/run/skript"}, places(problems))
	require.Equal(t, []string{"f.yaml default/a", "f.yaml default/b"}, names(docs))
}

func TestEverythingIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	_, problems := manifests.Decode("f.yaml", []byte(`apiVersion: crontopus.dev/v1
kind: Job
metadata:
  name: Bad_Name
  labels: {a: 1, b: x, b: y, "b c": d}
spec:
  schedule: ["61 * * * *", "L * * * *", "@daily"]
  timezone: hots
  suspend: no
  target: {all: true, agents: []}
  run:
    command: ["", "a\u0007"]
    timeout: 99999999w
    concurrency: replaced
    captureOutput: 1GiB
    successExitCodes: [256, 0x10]
  monitor: {grace: 5, catchUp: maybe}
`))
	require.Equal(t, []string{
		"4:9 invalid /metadata/name",
		"5:15 wrong_type /metadata/labels/a",
		"5:24 duplicate_key /metadata/labels/b",
		"5:30 invalid /metadata/labels/b c",
		"7:14 schedule /spec/schedule/0",
		"7:28 schedule /spec/schedule/1",
		"8:13 timezone /spec/timezone",
		"9:12 wrong_type /spec/suspend",
		"10:12 invalid /spec/target/all",
		"10:31 invalid /spec/target/agents",
		"12:15 invalid /spec/run/command/0",
		"12:19 hidden_character /spec/run/command/1",
		"13:14 invalid /spec/run/timeout",
		"14:18 invalid /spec/run/concurrency",
		"15:20 invalid /spec/run/captureOutput",
		"16:24 invalid /spec/run/successExitCodes/0",
		"16:29 number /spec/run/successExitCodes/1",
		"17:20 invalid /spec/monitor/grace",
		"17:32 invalid /spec/monitor/catchUp",
	}, places(problems))
}

func TestAFileCanOptOut(t *testing.T) {
	t.Parallel()
	for text, ignored := range map[string]bool{
		"# crontopus: ignore\na: b\n":                        true,
		"# crontopus: ignore \r\na: b\r\n":                   true,
		"\ufeff# crontopus: ignore\na: b\n":                  true,
		"# crontopus: ignore\n" + strings.Repeat("x", 1<<20): true,
		"# crontopus: ignore":                                true,
		"\n# crontopus: ignore\na: b\n":                      false,
		"# crontopus: ignored\na: b\n":                       false,
	} {
		_, problems := manifests.Decode("f.yaml", []byte(text))
		require.Equal(t, ignored, len(problems) == 0, "%.40q", text)
	}
}

func TestProgramsAreWholePathsOrBareNames(t *testing.T) {
	t.Parallel()
	for program, fine := range map[string]bool{
		"/usr/bin/backup": true, "pg_dump": true, "/opt/my tools/backup": true, "./backup": false, "bin/backup": false, "../x": false, "": false,
		"backup --full": false, "echo a | b": false,
	} {
		_, problems := manifests.Decode("f.yaml", fmt.Appendf(nil, "%s  schedule: '@daily'\n  target: {all: true}\n  run: {command: [%q]}\n", head, program))
		require.Equal(t, fine, len(problems) == 0, "%q: %v", program, problems)
	}
}

func TestADocumentSaysWhereItsReachStands(t *testing.T) {
	at := func(text, pointer string) string {
		docs, problems := manifests.Decode("a.yaml", []byte(text))
		require.Empty(t, problems)
		place := docs[0].At(pointer)
		require.Equal(t, "a.yaml", place.File)
		return fmt.Sprintf("%d:%d", place.Line, place.Column)
	}
	const flow = `{apiVersion: crontopus.dev/v1, kind: Job, metadata: {name: a, namespace: b}, spec: {schedule: "@daily", target: {all: true}, run: {command: [/x], user: u}}}`
	const block = `# first
apiVersion: crontopus.dev/v1
kind: Job
metadata:
  name: a
spec:
  schedule: "@daily"
  target:
    labels: {a: b}
  run:
    command: [/x]
`
	for pointer, want := range map[string][2]string{
		"/metadata/namespace": {"1:74", "4:1"}, // what is left out would stand in what there is
		"/spec/target":        {"1:105", "8:3"},
		"/spec/run/user":      {"1:153", "10:3"},
		"/spec/schedule":      {"1:95", "7:13"},
		"/spec/timezone":      {"1:60", "5:9"}, // not one of them: the name's
	} {
		require.Equal(t, want, [2]string{at(flow, pointer), at(block, pointer)}, pointer)
	}
}
