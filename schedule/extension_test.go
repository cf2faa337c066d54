package schedule_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

func TestDaysThatAreKnownByTheirPlaceInTheMonth(t *testing.T) {
	for _, c := range []struct {
		situation string
		expr      string
		after     string
		want      []string
	}{
		{"the last day", "0 2 L * *", "2027-12-01", []string{"2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"}},
		{"in small letters", "0 2 l * *", "2026-02-01", []string{"2026-02-28"}},
		{"three days before the last", "0 2 L-3 * *", "2026-01-01", []string{"2026-01-28", "2026-02-25", "2026-03-28", "2026-04-27"}},
		{"so far before the last that only long months have it", "0 2 L-30 * *", "2026-01-02", []string{"2026-03-01", "2026-05-01", "2026-07-01"}},
		{"only a leap February has it", "0 2 L-28 2 *", "2026-01-01", []string{"2028-02-01", "2032-02-01"}},
		{"the working day nearest to the 15th", "0 2 15W * *", "2026-01-01", []string{"2026-01-15", "2026-02-16", "2026-03-16", "2026-04-15", "2026-05-15", "2026-06-15", "2026-07-15", "2026-08-14"}},
		{"the 1st is a Saturday: not the month before", "0 2 1W * *", "2026-08-01", []string{"2026-08-03", "2026-09-01"}},
		{"the 1st is a Sunday", "0 2 1W 2 *", "2026-01-01", []string{"2026-02-02"}},
		{"the 31st is a Sunday: not the month after", "0 2 31W 5 *", "2026-01-01", []string{"2026-05-29"}},
		{"a month without that day has none near it", "0 2 31W * *", "2026-01-01", []string{"2026-01-30", "2026-03-31", "2026-05-29", "2026-07-31"}},
		{"the last working day", "0 2 LW * *", "2026-01-01", []string{"2026-01-30", "2026-02-27", "2026-03-31", "2026-04-30", "2026-05-29"}},
		{"the last Friday", "0 2 * * friL", "2026-01-01", []string{"2026-01-30", "2026-02-27", "2026-03-27"}},
		{"the last Sunday, as 7", "0 2 * * 7L", "2026-01-01", []string{"2026-01-25", "2026-02-22"}},
		{"the third Friday", "0 2 * * 5#3", "2026-01-01", []string{"2026-01-16", "2026-02-20", "2026-03-20"}},
		{"the first Sunday, as 7", "0 2 * * 7#1", "2026-01-01", []string{"2026-01-04", "2026-02-01"}},
		{"a fifth Monday comes in some months only", "0 2 * * Mon#5", "2026-01-01", []string{"2026-03-30", "2026-06-29", "2026-08-31"}},
		{"a fifth Monday in February", "0 2 * 2 1#5", "2026-01-01", []string{"2044-02-29", "2072-02-29"}},
		{"the same over a century without a leap day", "0 2 * 2 1#5", "2073-01-01", []string{"2112-02-29"}},
		{"several of them", "0 2 1,L * *", "2026-01-15", []string{"2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"}},
		{"the first and the third Monday", "0 2 * * mon#1,mon#3", "2026-01-01", []string{"2026-01-05", "2026-01-19", "2026-02-02"}},
		{"either of two restricted day fields", "0 2 L * 1#1", "2026-01-01", []string{"2026-01-05", "2026-01-31", "2026-02-02"}},
		{"both, where one begins with a star", "0 2 */2 * 1#1", "2026-01-01", []string{"2026-01-05", "2026-06-01"}},
		{"a list that begins with a star needs both", "0 2 * * */2,fri#1", "2026-01-01", []string{"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			set := mustNew(t, "UTC", c.expr)
			at, got := instant(t, c.after+"T00:00:00Z"), []string{}
			for range c.want {
				next, ok := set.Next(at)
				require.True(t, ok)
				prev, _ := set.Prev(next)
				require.Equal(t, next, prev)
				at, got = next, append(got, next.Format(time.DateOnly))
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestWhatAnExtensionCannotMean(t *testing.T) {
	const stepped = "leave the step out"
	for _, c := range []struct{ situation, expr, message, hint string }{
		{"L in the minute", "L * * * *", `"L" in the minute uses L, which belongs to the day fields`, "write 0 to 59, or * for all"},
		{"L in the month", "0 0 1 L *", `"L" in the month uses L, which belongs to the day fields`, "write 1 to 12, or jan to dec, or * for all"},
		{"W in the hour", "0 15W * * *", `"15W" in the hour uses W, which belongs to the day of month`, "write 0 to 23, or * for all"},
		{"# in the month", "0 0 1 jan#1 *", `"jan#1" in the month uses #, which belongs to the day of week`, "write 1 to 12, or jan to dec, or * for all"},
		{"W in the day of week", "0 0 * * 15W", `"15W" in the day of week uses W, which belongs to the day of month`, "write it in the third field, such as 0 0 15W * *"},
		{"# in the day of month", "0 0 fri#2 * *", `"fri#2" in the day of month uses #, which belongs to the day of week`, "write it in the fifth field, such as 0 0 * * fri#2"},
		{"the last Friday in the wrong field", "0 0 friL * *", `"friL" in the day of month uses L as the day of week does`, "write L-3 for three days before the last, or friL in the fifth field for the last Friday"},
		{"days before the last in the wrong field", "0 0 * * L-3", `"L-3" in the day of week uses L as the day of month does`, "write it in the third field, such as 0 0 L-3 * *"},
		{"the last of no day", "0 0 * * L", `"L" in the day of week does not say the last of which day`, "write friL for the last Friday of the month, or sat for every Saturday"},
		{"a sixth Saturday", "0 0 * * 6#6", `"6#6" in the day of week does not count from 1 to 5`, "write 6#1 to 6#5, or 6L for the last one of the month"},
		{"a zeroth Saturday", "0 0 * * sat#0", `"sat#0" in the day of week does not count from 1 to 5`, "write sat#1 to sat#5, or satL for the last one of the month"},
		{"counted from the end", "0 0 * * 5#-1", `"5#-1" in the day of week does not count from 1 to 5`, "write 5#1 to 5#5, or 5L for the last one of the month"},
		{"counted to a number larger than any", "0 0 * * 5#99999999999999999999", `"5#99999999999999999999" in the day of week does not count from 1 to 5`, "write 5#1 to 5#5, or 5L for the last one of the month"},
		{"a count of no day", "0 0 * * #2", `"#2" in the day of week does not say which day is counted`, "write fri#2 for the second Friday of the month"},
		{"an eighth day of the week", "0 0 * * 8#1", `"8#1" in the day of week is out of range`, "write 0 to 7, or sun to sat, or * for all"},
		{"a range of counted days", "0 0 * * 1-5#2", `"1-5#2" in the day of week has a range, and L and # take one day`, "name each day, such as mon#1,tue#1"},
		{"a range of last days", "0 0 * * mon-friL", `"mon-friL" in the day of week has a range, and L and # take one day`, "name each day, such as mon#1,tue#1"},
		{"a day that no month has", "0 0 32W * *", `"32W" in the day of month is out of range`, "write 1W to 31W, or LW for the last working day of the month"},
		{"day 0", "0 0 0W * *", `"0W" in the day of month is out of range`, "write 1W to 31W, or LW for the last working day of the month"},
		{"W of no day", "0 0 W * *", `"W" in the day of month does not say which day is meant`, "write 15W for the working day nearest to the 15th, or LW for the last one"},
		{"W of a range", "0 0 1-15W * *", `"1-15W" in the day of month has W with a range, and W takes one day`, "write each day with its own W, such as 1W,15W"},
		{"W beside a range", "0 0 1-5,15W * *", `"1-5,15W" in the day of month has W beside a range`, "make a list of two schedules, one with the range and one with W"},
		{"a range up to L", "0 0 15-L * *", `"15-L" in the day of month is a range up to L`, "write 31 for its end: shorter months simply end sooner"},
		{"L-3 and W", "0 0 L-3W * *", `"L-3W" in the day of month has both L-n and W`, "write LW for the last working day, or L-3 for a day before the last"},
		{"no day before the last", "0 0 L-0 * *", `"L-0" in the day of month is out of range`, "write L-1 to L-30, or L for the last day itself"},
		{"more days before the last than a month has", "0 0 L-31 * *", `"L-31" in the day of month is out of range`, "write L-1 to L-30, or L for the last day itself"},
		{"a step of L", "0 0 L/2 * *", `"L/2" in the day of month has a step, and such a day comes once a month`, stepped},
		{"a step of #", "0 0 * * fri#1/2", `"fri#1/2" in the day of week does not count from 1 to 5`, "write fri#1 to fri#5, or friL for the last one of the month"},
		{"a step of the last Friday", "0 0 * * friL/2", `"friL/2" in the day of week has a step, and such a day comes once a month`, stepped},
		{"near a day that February has not", "0 0 30W 2 *", `"0 0 30W 2 *" names a date that never comes`, "its months have at most 29 days; write a day of the month from 1 to 29"},
		{"further back than February reaches", "0 0 L-29 2 *", `"0 0 L-29 2 *" names a date that never comes`, "its months have at most 29 days; write a day of the month from 1 to 29"},
		{"both days needed, and they never meet", "0 0 */31 * 5#2", `"0 0 */31 * 5#2" names a date that never comes`, "where a day field begins with *, both must match; no day of these is the other, too"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			_, err := schedule.Parse(c.expr, seed)
			requireError(t, err, crontopus.CodeInvalid, c.message, c.hint)
		})
	}
}

// extended draws expressions with L, W and # in their day fields, beside plain items.
func extended() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		words := strings.Fields(expressions().Draw(t, "expr"))
		number := func(low, high int) string { return strconv.Itoa(rapid.IntRange(low, high).Draw(t, "n")) }
		weekday := rapid.SampledFrom([]string{"0", "1", "5", "7", "sun", "WED", "sat"})
		inMonth := rapid.SampledFrom([]string{"L", "L-" + number(1, 30), number(1, 31) + "W", "LW", number(1, 31)})
		inWeek := rapid.SampledFrom([]string{weekday.Draw(t, "day") + "L", weekday.Draw(t, "day") + "#" + number(1, 5), weekday.Draw(t, "day")})
		if rapid.Bool().Draw(t, "month") {
			words[2] = strings.Join(rapid.SliceOfN(inMonth, 1, 3).Draw(t, "dom"), ",")
		} else if rapid.Bool().Draw(t, "any day") {
			words[2] = "*"
		}
		if rapid.Bool().Draw(t, "week") {
			words[4] = strings.Join(rapid.SliceOfN(inWeek, 1, 3).Draw(t, "dow"), ",")
		} else if rapid.Bool().Draw(t, "any weekday") {
			words[4] = "*"
		}
		return strings.Join(words, " ")
	})
}

func TestRunsOfExtensionsAreThoseOfTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := zoneNames.Draw(t, "zone")
		change := instant(t, rapid.SampledFrom(transitions[name]).Draw(t, "change"))
		requireSameRuns(t, extended().Draw(t, "expr"), name, change.Add(-30*time.Hour), change.Add(30*time.Hour))
	})
}

func TestDaysOfExtensionsAreThoseOfTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := "0 0 " + strings.Join(strings.Fields(extended().Draw(t, "expr"))[2:], " ")
		set, err := schedule.New([]string{expr}, "UTC", seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err, expr)
		reference, want, got := parseVixie(t, expr), []string{}, []string{}
		from := instant(t, "2000-01-01T00:00:00Z").AddDate(rapid.IntRange(0, 399).Draw(t, "year"), 0, 0)
		to := from.AddDate(1, 0, 0)
		for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
			if reference.day(day) {
				want = append(want, day.Format(time.DateOnly))
			}
		}
		for at, ok := set.Next(from.Add(-time.Second)); ok && at.Before(to); at, ok = set.Next(at) {
			got = append(got, at.Format(time.DateOnly))
		}
		require.Equal(t, want, got, expr)
	})
}

// TestExtensionsComeOrNeverCome asks the reference for every day of the 400 years after
// which the calendar repeats.
func TestExtensionsComeOrNeverCome(t *testing.T) {
	items := []string{"L", "L-27", "L-28", "L-29", "L-30", "28W", "29W", "30W", "31W", "LW", "30", "31", "*/31"}
	var exprs []string
	for _, month := range []string{"2", "4", "1", "2,4", "*"} {
		for _, dom := range items {
			exprs = append(exprs, "0 0 "+dom+" "+month+" *", "0 0 "+dom+" "+month+" 1#5", "0 0 "+dom+" "+month+" */3,0#2")
		}
		for _, dow := range []string{"1#5", "0#5", "6#5", "7L", "1#1"} {
			exprs = append(exprs, "0 0 * "+month+" "+dow, "0 0 */31 "+month+" "+dow, "0 0 */29 "+month+" "+dow)
		}
	}
	never := 0
	for _, expr := range exprs {
		reference, comes := parseVixie(t, expr), false
		for day := instant(t, "2000-01-01T00:00:00Z"); day.Year() < 2400 && !comes; day = day.AddDate(0, 0, 1) {
			comes = reference.day(day)
		}
		_, err := schedule.Parse(expr, seed)
		require.Equal(t, !comes, impossible(err), expr)
		if comes {
			require.NoError(t, err, expr)
			next, ok := mustNew(t, "UTC", expr).Next(instant(t, "2000-01-01T00:00:00Z"))
			require.True(t, ok, expr)
			require.True(t, reference.day(next), expr)
		} else {
			never++
		}
	}
	require.NotZero(t, never)
}

// notGronx is what gronx does not know.
var notGronx = []string{"L-", "LW"}

func TestRunsOfExtensionsAreThoseOfGronx(t *testing.T) {
	asked := 0
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.ToUpper(extended().Draw(t, "expr"))
		set, err := schedule.New([]string{expr}, "UTC", seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err, expr)
		for _, form := range notGronx {
			if strings.Contains(expr, form) {
				return
			}
		}
		if starInList.MatchString(expr) {
			return
		}
		require.True(t, gronx.IsValid(expr), expr)
		at := moments().Draw(t, "after")
		for range 2 {
			next, ok := set.Next(at)
			require.True(t, ok)
			if next.Year() > at.Year()+5 {
				return // gronx gives up early
			}
			want, err := gronx.NextTickAfter(expr, at, false)
			require.NoError(t, err, expr)
			require.Equal(t, want, next, "%s after %s", expr, at)
			at = next
		}
		asked++
	})
	require.NotZero(t, asked)
}

// TestTheCrontabLineOfAnExtensionMissesNoRun lets the reference read the crontab's lines,
// which have no extensions, and holds them against the schedule: every run is one of
// theirs, daylight saving or not, and where there is no gate, every one of theirs is a run.
func TestTheCrontabLineOfAnExtensionMissesNoRun(t *testing.T) {
	exact, gates := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		name := zoneNames.Draw(t, "zone")
		change := instant(t, rapid.SampledFrom(transitions[name]).Draw(t, "change"))
		from, to := change.Add(-30*time.Hour), change.Add(30*time.Hour)
		expr := extended().Draw(t, "expr")
		set, err := schedule.New([]string{expr}, name, seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err, expr)
		lines, gated := set.Crontab(name)
		require.Len(t, lines, 1)
		require.NotRegexp(t, "[a-zA-Z#]", lines[0])
		require.True(t, gronx.IsValid(lines[0]), lines[0])
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		reference := parseVixie(t, lines[0])
		starts := map[int64]bool{}
		for _, at := range reference.runs(location, from, to) {
			starts[at] = true
		}
		runs := 0
		for at, ok := set.Next(from.Add(-time.Second)); ok && at.Before(to); at, ok = set.Next(at) {
			require.True(t, starts[at.Unix()], "%s: the crontab's %s is not there at %s", expr, lines[0], at)
			runs++
		}
		days := parseVixie(t, expr)
		for day := from.UTC(); day.Before(from.AddDate(1, 0, 0)); day = day.AddDate(0, 0, 1) {
			require.True(t, reference.day(day) || !days.day(day), "%s: the crontab's %s leaves out %s", expr, lines[0], day)
			require.True(t, gated || reference.day(day) == days.day(day), "%s: the crontab's %s has %s, and no gate", expr, lines[0], day)
		}
		if !gated {
			require.Len(t, starts, runs, "%s: the crontab's %s has more, and no gate", expr, lines[0])
			exact++
		} else {
			gates++
		}
	})
	require.NotZero(t, exact)
	require.NotZero(t, gates)
}

func TestCrontabOfExtensions(t *testing.T) {
	for _, c := range []struct {
		expr, want string
		gated      bool
	}{
		{"0 2 L * *", "0 2 28-31 * *", true},
		{"0 2 L 2 *", "0 2 28-29 2 *", true},
		{"0 2 L 4,6 *", "0 2 30 4,6 *", false},
		{"0 2 L-3 * *", "0 2 25-28 * *", true},
		{"0 2 15W * *", "0 2 14-16 * *", true},
		{"0 2 1W * *", "0 2 1-3 * *", true},
		{"0 2 31W * *", "0 2 29-31 * *", true},
		{"0 2 LW * *", "0 2 26-31 * *", true},
		{"0 2 * * friL", "0 2 * * 5", true},
		{"0 2 * * 5#3", "0 2 * * 5", true},
		{"0 2 * * 7#1,mon#2", "0 2 * * 0,1", true},
		{"0 2 * * 1#5", "0 2 29-31 * *", true},
		{"0 2 * 2 1#5", "0 2 29 2 *", true},
		{"0 2 */2 * 5#3", "0 2 */2 * 5", true},
		{"0 2 1,L * 5#3", "0 2 1,28-31 * 5", true},
		{"0 2 30W 2 5", "0 2 * 2 5", false},
		{"H(0-29)/10 2 L * *", "0-29/10 2 28-31 * *", true},
	} {
		t.Run(c.expr, func(t *testing.T) {
			lines, gated := mustNew(t, "UTC", c.expr).Crontab("UTC")
			require.Equal(t, []string{c.want}, lines)
			require.Equal(t, c.gated, gated)
		})
	}
	lines, gated := mustNew(t, "UTC", "0 2 * * *", "0 3 L * *").Crontab("UTC")
	require.Equal(t, []string{"0 2 * * *", "0 3 28-31 * *"}, lines)
	require.True(t, gated, "one that needs the gate is enough")
}
