package changes_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/changes"
	"crontopus.dev/crontopus/manifests/diff"
)

func markdown(t require.TestingT, r *diff.Report) string {
	var out bytes.Buffer
	require.NoError(t, changes.Write(&out, r, changes.Markdown, false))
	return out.String()
}

// outside takes away all that stands in code, as CommonMark reads it: fenced blocks, and spans
// between runs of the same number of backquotes. What is left is what a page would act on.
func outside(t require.TestingT, text string) string {
	var left []string
	fence := ""
	for _, l := range strings.Split(text, "\n") {
		run := l[:len(l)-len(strings.TrimLeft(l, "`"))]
		switch {
		case fence != "":
			if len(run) >= len(fence) && strings.TrimSpace(l) == run {
				fence = ""
			}
		case len(run) >= 3 && !strings.Contains(l[len(run):], "`"):
			fence = run
		default:
			left = append(left, withoutSpans(l))
		}
	}
	require.Empty(t, fence, "a block that does not end")
	return strings.Join(left, "\n")
}

func withoutSpans(l string) string {
	var b strings.Builder
	for i := 0; i < len(l); {
		if l[i] != '`' {
			b.WriteByte(l[i])
			i++
			continue
		}
		n := 0
		for i+n < len(l) && l[i+n] == '`' {
			n++
		}
		end := -1
		for k := i + n; k < len(l); {
			if l[k] != '`' {
				k++
				continue
			}
			m := 0
			for k+m < len(l) && l[k+m] == '`' {
				m++
			}
			if m == n {
				end = k + m
				break
			}
			k += m
		}
		if end < 0 {
			b.WriteString(l[i : i+n])
			i += n
			continue
		}
		i = end
	}
	return b.String()
}

func TestNothingThatAManifestSaysIsMarkup(t *testing.T) {
	t.Parallel()
	rest := outside(t, markdown(t, reports()["hostile"]))
	for _, mark := range []string{"script", "@", "javascript", "http", "`", "#1", "|", "\x1b", "\u202e", "everyone"} {
		require.NotContains(t, rest, mark)
	}
	require.Equal(t, 1, strings.Count(rest, "<details>"))
	require.Equal(t, 1, strings.Count(rest, "</details>"))
}

func TestAnyTextStaysInItsPlace(t *testing.T) {
	t.Parallel()
	pieces := rapid.SampledFrom([]string{"`", "``", "```", "~~~", "\n", " ", "EVIL", "<b>", "|", "\\", "@EVIL", "\t", "é", "\x00", "\u2028"})
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) string { return strings.Join(rapid.SliceOfN(pieces, 0, 8).Draw(t, label), "") }
		before := job("a", "@daily", describe(draw("before")), script(draw("script")))
		after := job("a", "@daily", describe(draw("after")), script(draw("new script")), func(j *crontopus.Job) {
			j.Spec.Target = crontopus.Target{Agents: []string{draw("target")}}
			j.Spec.Run.Environment = map[string]string{draw("key"): draw("value")}
		})
		after.Path = draw("path")
		host := crontopus.Agent{Name: draw("host"), Labels: map[string]string{"role": "db"}}
		host.Status.Report.Scheduler, host.Status.Report.Timezone = draw("scheduler"), draw("zone")
		fleet := diff.Fleet{Known: rapid.Bool().Draw(t, "known"), Agents: []crontopus.Agent{host}}
		r := compare([]crontopus.DesiredJob{before}, []crontopus.DesiredJob{after}, fleet)
		r.From, r.To, r.Notes = draw("from"), draw("to"), []string{draw("note")}
		rest := outside(t, markdown(t, r))
		require.NotContains(t, rest, "EVIL")
		require.NotContains(t, rest, "<b>")
		require.NotContains(t, rest, "`")
	})
}

func TestACommentFitsHoweverMuchChanges(t *testing.T) {
	t.Parallel()
	const limit = 65_536
	var before, after []crontopus.DesiredJob
	for i := range 200 {
		name := fmt.Sprintf("job-%03d", i)
		text := strings.Repeat(strings.Repeat("`é", 100)+"\n", 50)
		before = append(before, job(name, "@daily", script(text)))
		after = append(after, job(name, "@hourly", script(text+strings.Repeat("more `\n", 100)), func(j *crontopus.Job) {
			j.Spec.Target = crontopus.Target{Agents: []string{name}}
		}))
	}
	for _, r := range []*diff.Report{
		compare(before, after, diff.Fleet{}),
		compare(nil, after, diff.Fleet{}),
		compare(before[:1], after[:1], diff.Fleet{Known: true, Agents: hosts(500, "UTC")}),
	} {
		out := markdown(t, r)
		require.Less(t, len(out), limit-4000, "room for what CI adds")
		require.Equal(t, strings.Count(out, "<details>"), strings.Count(out, "</details>"))
		outside(t, out)
	}
	out := markdown(t, compare(before, after, diff.Fleet{}))
	require.Regexp(t, `… and \d+ more: each change is in the output of`, out)
	require.Regexp(t, `… and \d+ more: each group of hosts is in the output of`, out)
}
