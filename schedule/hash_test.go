package schedule_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// plain returns the plain cron that a job's expression comes down to.
func plain(t testing.TB, job, expr string) string {
	t.Helper()
	set, err := schedule.New([]string{expr}, "UTC", job)
	require.NoError(t, err, expr)
	lines, gated := set.Crontab("UTC")
	require.False(t, gated, expr)
	require.Len(t, lines, 1)
	return lines[0]
}

// TestTheValuesOfHNeverChange holds them for ever: another value would move every job that
// is written with H, and hosts and servers of two versions would disagree.
func TestTheValuesOfHNeverChange(t *testing.T) {
	for _, c := range []struct{ job, expr, want string }{
		{"production/nightly-backup", "H H H H H", "50 2 15 5 1"},
		{"production/nightly-backup", "H(0-29)/10 H(0-5) * * *", "0-29/10 2 * * *"},
		{"production/nightly-backup", "H/15 * * * *", "5-59/15 * * * *"},
		{"production/nightly-backup", "0 H/6 H/10 H/4 H(mon-fri)", "0 2-23/6 9-28/10 1-12/4 3"},
		{"production/report", "H H H H H", "9 4 15 9 6"},
		{"default/a-job", "H H H H H", "38 16 3 2 1"},
		{"default/a-job", "H,H(0-9) H(22-23) H(1-7) H(jan-mar) H(5-7)", "38,8 22 3 2 6"},
	} {
		require.Equal(t, c.want, plain(t, c.job, c.expr), "%s of %s", c.expr, c.job)
	}
}

func TestHIsWithinItsBounds(t *testing.T) {
	whole := map[int][2]int{0: {0, 59}, 1: {0, 23}, 2: {1, 28}, 3: {1, 12}, 4: {0, 6}}
	rapid.Check(t, func(t *rapid.T) {
		job := rapid.StringMatching(`[a-z]{1,9}/[a-z]{1,9}`).Draw(t, "job")
		field := rapid.IntRange(0, 4).Draw(t, "field")
		low, high, text := whole[field][0], whole[field][1], "H"
		if rapid.Bool().Draw(t, "bounded") {
			low = rapid.IntRange(low, high).Draw(t, "low")
			high = rapid.IntRange(low, high).Draw(t, "high")
			text = fmt.Sprintf("H(%d-%d)", low, high)
		}
		step := 0
		if low < high && rapid.Bool().Draw(t, "stepped") {
			step = rapid.IntRange(2, high-low+1).Draw(t, "step")
			text += "/" + strconv.Itoa(step)
		}
		words := strings.Fields("0 0 1 1 *")
		words[field] = text
		set, err := schedule.New([]string{strings.Join(words, " ")}, "UTC", job)
		require.NoError(t, err)
		lines, _ := set.Crontab("UTC")
		reference := parseVixie(t, lines[0])
		var values []int
		for n := range 60 {
			if reference.match[field][n] && (field != 4 || n != 7) {
				values = append(values, n)
			}
		}
		require.NotEmpty(t, values)
		if step == 0 {
			require.Len(t, values, 1)
		}
		for i, n := range values {
			require.GreaterOrEqual(t, n, low)
			require.LessOrEqual(t, n, high)
			if i > 0 {
				require.Equal(t, step, n-values[i-1])
			}
		}
		if step > 0 {
			require.Less(t, values[0], low+step, "it begins in the first round")
			require.Greater(t, values[len(values)-1], high-step, "and ends in the last")
		}
	})
}

func TestHSpreadsJobsEvenly(t *testing.T) {
	minutes, together := map[string]int{}, 0
	for i := range 6000 {
		words := strings.Fields(plain(t, fmt.Sprintf("default/job-%d", i), "H H * * *"))
		minutes[words[0]]++
		if words[0] == words[1] {
			together++
		}
	}
	require.Len(t, minutes, 60)
	for minute, jobs := range minutes {
		require.InDelta(t, 100, jobs, 50, "minute %s", minute)
	}
	require.InDelta(t, 100, together, 50, "the fields are chosen independently")
}

func TestHIsTheSameInEachExpressionAndInSmallLetters(t *testing.T) {
	require.Equal(t, plain(t, seed, "H 3 * * *"), plain(t, seed, "h 3 * * *"))
	first, second := strings.Fields(plain(t, seed, "H 3 * * *")), strings.Fields(plain(t, seed, "H 15 1 * *"))
	require.Equal(t, first[0], second[0])
}

func TestMacrosAreNotHashed(t *testing.T) {
	require.Equal(t, "0 0 * * *", plain(t, seed, "@daily"), "as every cron has it, unlike Jenkins")
}

func TestWhatHCannotMean(t *testing.T) {
	const forms = "write H, H(LOW-HIGH), H/STEP or H(LOW-HIGH)/STEP"
	for _, c := range []struct{ situation, expr, message, hint string }{
		{"bounds out of range", "H(0-60) * * * *", `"H(0-60)" in the minute is out of range`, "write 0 to 59, or * for all"},
		{"bounds that run backwards", "0 H(22-2) * * *", `"H(22-2)" in the hour runs backwards`, "write the smaller value first"},
		{"one bound", "H(5) * * * *", `"H(5)" in the minute is not a form of H`, forms},
		{"an open bracket", "H(0-5 * * * *", `"H(0-5" in the minute is not a form of H`, forms},
		{"no bracket", "H0-5 * * * *", `"H0-5" in the minute is not a form of H`, forms},
		{"a number at once", "H5 * * * *", `"H5" in the minute is not a form of H`, forms},
		{"a word", "Hello * * * *", `"Hello" in the minute is not a form of H`, forms},
		{"step 1", "H/1 * * * *", `"H/1" in the minute has the step 1, which leaves nothing to choose`, "write * for every value, or H for one"},
		{"step 1 of a range", "0 H(1-5)/1 * * *", `"H(1-5)/1" in the hour has the step 1, which leaves nothing to choose`, "write 1-5 for every value, or H(1-5) for one"},
		{"step 0", "H/0 * * * *", `"H/0" in the minute has the step 0`, "write a step from 1 to 60"},
		{"a step larger than its range", "H(10-20)/15 * * * *", `"H(10-20)/15" in the minute has a step larger than its range`, "write a step from 2 to 11"},
		{"a step larger than what all months have", "0 0 H/30 * *", `"H/30" in the day of month has a step larger than its range`, "write a step from 2 to 28"},
		{"a step larger than the field", "H/90 * * * *", `"H/90" in the minute has a step larger than the field`, "steps begin anew with each round of the field; write a step from 1 to 60"},
		{"a step that is no number", "H/x * * * *", `"H/x" in the minute has a step that is not a number`, "write a number after the slash, such as */5"},
		{"a day that its month has not", "0 0 H(30-31) 2 *", `"0 0 H(30-31) 2 *" names a date that never comes: for this job it is 0 0 30 2 *`, "its months have at most 29 days; write a day of the month from 1 to 29"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			_, err := schedule.Parse(c.expr, seed)
			requireError(t, err, crontopus.CodeInvalid, c.message, c.hint)
		})
	}
	_, err := schedule.Parse("H 2 * * *", "")
	requireError(t, err, crontopus.CodeInvalid, `"H" in the minute depends on what the job is called`, "name the job: --job NAMESPACE/NAME")
}

func TestAJobsOwnNameDecides(t *testing.T) {
	job := &crontopus.Job{Metadata: crontopus.Metadata{Namespace: "production", Name: "nightly-backup"}}
	job.Spec.Schedule, job.Spec.Timezone = crontopus.Schedules{"H H * * *"}, "UTC"
	set, err := schedule.Of(job)
	require.NoError(t, err)
	lines, _ := set.Crontab("UTC")
	require.Equal(t, []string{plain(t, "production/nightly-backup", "H H * * *")}, lines)
	job.Metadata.Namespace = "staging"
	set, err = schedule.Of(job)
	require.NoError(t, err)
	other, _ := set.Crontab("UTC")
	require.NotEqual(t, lines, other)
}
