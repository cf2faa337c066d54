package schedule_test

import (
	"flag"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests are not those of the host

	"github.com/adhocore/gronx"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

// TestMain asks the properties of thousands of expressions where rapid would try a hundred.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = checks.Value.Set("3000") // a number is always taken
	}
	m.Run()
}

// transitions are changes of the offset, and one instant for zones that have none.
var transitions = map[string][]string{
	"UTC":                 {"2026-03-29T01:00:00Z"},
	"Asia/Kathmandu":      {"1985-12-31T18:30:00Z", "2026-03-29T01:00:00Z"}, // 15 minutes forward, for good
	"America/New_York":    {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2040-11-04T06:00:00Z"},
	"Europe/Berlin":       {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "1980-04-05T23:00:00Z"},
	"Australia/Lord_Howe": {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"}, // 30 minutes
	"America/Sao_Paulo":   {"2018-02-18T02:00:00Z", "2018-11-04T03:00:00Z"}, // at midnight
	"Africa/Casablanca":   {"2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z"}, // back for Ramadan
	"Antarctica/Troll":    {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"}, // 2 hours
	"Antarctica/Casey":    {"2009-10-17T18:00:00Z", "2010-03-04T15:00:00Z"}, // 3 hours: a clock that was set
	"Pacific/Apia":        {"2011-12-30T10:00:00Z", "2012-03-31T14:00:00Z"}, // a day is left out
}

var zoneNames = rapid.SampledFrom([]string{"UTC", "Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe",
	"America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll", "Antarctica/Casey", "Pacific/Apia"})

func TestRunsAroundTransitionsAreThoseOfVixieCron(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := zoneNames.Draw(t, "zone")
		change := instant(t, rapid.SampledFrom(transitions[name]).Draw(t, "change"))
		expr := expressions().Draw(t, "expr")
		requireSameRuns(t, expr, name, change.Add(-30*time.Hour), change.Add(30*time.Hour))
	})
}

func TestRunsOfAYearAreThoseOfVixieCron(t *testing.T) {
	generator := expressions()
	for zone := range transitions {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			for seed := range 4 {
				requireSameRuns(t, generator.Example(seed), zone, instant(t, "2018-01-01T00:00:00Z"), instant(t, "2019-01-01T00:00:00Z"))
			}
		})
	}
}

// requireSameRuns compares the runs in [from, to), found forwards and backwards, with the
// reference's.
func requireSameRuns(t rapid.TB, expr, zone string, from, to time.Time) {
	set, err := schedule.New([]string{expr}, zone, seed)
	if impossible(err) {
		return
	}
	require.NoError(t, err, expr)
	reference := parseVixie(t, expr)
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	want := reference.runs(location, from, to)

	got := []int64{}
	for at, ok := set.Next(from.Add(-time.Second)); ok && at.Before(to); at, ok = set.Next(at) {
		got = append(got, at.Unix())
	}
	if !slices.Equal(want, got) {
		t.Fatalf("%s in %s: cron runs at\n%v, Next says\n%v", expr, zone, times(want, location), times(got, location))
	}
	got = got[:0]
	for at, ok := set.Prev(to.Add(-time.Nanosecond)); ok && !at.Before(from); at, ok = set.Prev(at.Add(-time.Nanosecond)) {
		got = append(got, at.Unix())
	}
	slices.Reverse(got)
	if !slices.Equal(want, got) {
		t.Fatalf("%s in %s: cron runs at\n%v, Prev says\n%v", expr, zone, times(want, location), times(got, location))
	}
}

// starInList matches lists with an item for all values, such as 5,* or */2,3.
var starInList = regexp.MustCompile(`,\*|\*[^ ]*,`)

func TestRunsInUTCAreThoseOfGronx(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := expressions().Draw(t, "expr")
		set, err := schedule.New([]string{expr}, "UTC", seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err)
		lines, _ := set.Crontab("UTC")
		require.True(t, gronx.IsValid(lines[0]), lines[0])
		if starInList.MatchString(lines[0]) {
			return // cron goes by the field's first character, gronx does not
		}
		at := moments().Draw(t, "after")
		for range 3 {
			next, ok := set.Next(at)
			require.True(t, ok)
			if next.Year() > at.Year()+5 {
				return // gronx gives up early
			}
			want, err := gronx.NextTickAfter(lines[0], at, false)
			require.NoError(t, err, lines[0])
			require.Equal(t, want, next, "%s after %s", expr, at)
			at = next
		}
	})
}

func TestPrevIsTheInverseOfNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		at := moments().Draw(t, "at")
		next, ok := set.Next(at)
		require.True(t, ok)
		require.True(t, next.After(at))
		same, ok := set.Prev(next)
		require.True(t, ok)
		require.Equal(t, next, same)

		last, ok := set.Prev(at)
		require.True(t, ok)
		require.False(t, last.After(at))
		again, ok := set.Next(last)
		require.True(t, ok)
		require.Equal(t, next, again, "between %s and %s is no run", last, at)
		before, ok := set.Prev(next.Add(-time.Nanosecond))
		require.True(t, ok)
		require.Equal(t, last, before)
	})
}

// TestARunIsTheSameFromNearAndFromFar: what is months away is found by a leap over all that
// lies between, and must be what a step from nearby finds, which cron itself confirms.
func TestARunIsTheSameFromNearAndFromFar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := zoneNames.Draw(t, "zone")
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		change := instant(t, rapid.SampledFrom(transitions[name]).Draw(t, "change"))
		day := change.In(location).AddDate(0, 0, rapid.IntRange(-3, 3).Draw(t, "day"))
		clock := strings.Fields(expressions().Draw(t, "clock"))
		expr := strings.Join([]string{clock[0], clock[1], strconv.Itoa(day.Day()), strconv.Itoa(int(day.Month())), "*"}, " ")
		requireSameRuns(t, expr, name, change.Add(-30*time.Hour), change.Add(30*time.Hour))

		set := mustNew(t, name, expr)
		at, _ := set.Next(change.Add(-100 * time.Hour))
		for runs := 0; runs < 20 && at.Before(change.Add(100*time.Hour)); runs++ {
			before, ok := set.Prev(at.Add(-time.Second))
			require.True(t, ok)
			after, ok := set.Next(at)
			require.True(t, ok)
			for range 3 {
				between := func(from, to time.Time) time.Time {
					return from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from)-1)).Draw(t, "between")))
				}
				next, _ := set.Next(between(before, at))
				require.Equal(t, at, next, expr)
				prev, _ := set.Prev(between(at, after))
				require.Equal(t, at, prev, expr)
			}
			at = after
		}
	})
}

func TestASetRunsWhenAnyOfItsExpressionsDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exprs := rapid.SliceOfN(expressions(), 1, 5).Draw(t, "exprs")
		zone := zoneNames.Draw(t, "zone")
		at := moments().Draw(t, "at")
		union, err := schedule.New(exprs, zone, seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err)
		var first, last time.Time
		for _, expr := range exprs {
			one, err := schedule.New([]string{expr}, zone, seed)
			require.NoError(t, err)
			if next, _ := one.Next(at); first.IsZero() || next.Before(first) {
				first = next
			}
			if prev, _ := one.Prev(at); prev.After(last) {
				last = prev
			}
		}
		next, _ := union.Next(at)
		prev, _ := union.Prev(at)
		require.Equal(t, first, next)
		require.Equal(t, last, prev)
	})
}

func TestTheCrontabLineMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := expressions().Draw(t, "expr")
		s, err := schedule.New([]string{expr}, "UTC", seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err)
		lines, gated := s.Crontab("UTC")
		require.False(t, gated)
		require.Len(t, lines, 1)
		require.Equal(t, parseVixie(t, expr), parseVixie(t, lines[0]))
		require.NotRegexp(t, "[a-zA-Z]", lines[0])
	})
}

func drawSet(t *rapid.T) *schedule.Set {
	for {
		set, err := schedule.New([]string{expressions().Draw(t, "expr")}, zoneNames.Draw(t, "zone"), seed)
		if !impossible(err) {
			require.NoError(t, err)
			return set
		}
	}
}

// expressions draws valid expressions, most of them due often and in the small hours.
func expressions() *rapid.Generator[string] {
	months := []string{"jan", "Feb", "mar", "APR", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	days := []string{"sun", "Mon", "tue", "WED", "thu", "fri", "sat"}
	minute := fields(0, 59, 60, nil)
	hour := rapid.OneOf(fields(0, 23, 24, nil), fields(0, 3, 24, nil))
	dom := rapid.OneOf(rapid.Just("*"), rapid.Just("*"), fields(1, 31, 31, nil))
	month := rapid.OneOf(rapid.Just("*"), rapid.Just("*"), rapid.Just("*"), fields(1, 12, 12, months))
	dow := rapid.OneOf(rapid.Just("*"), rapid.Just("*"), fields(0, 7, 7, nil), fields(0, 6, 7, days))
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join([]string{minute.Draw(t, "minute"), hour.Draw(t, "hour"), dom.Draw(t, "dom"), month.Draw(t, "month"), dow.Draw(t, "dow")}, " ")
	})
}

// fields draws one field with values from low to high.
func fields(low, high, size int, names []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		spell := func(n int) string {
			if names != nil && rapid.Bool().Draw(t, "named") {
				return names[n-low]
			}
			return strconv.Itoa(n)
		}
		items := make([]string, rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "items"))
		for i := range items {
			a, b := rapid.IntRange(low, high).Draw(t, "a"), rapid.IntRange(low, high).Draw(t, "b")
			values := spell(min(a, b)) + "-" + spell(max(a, b))
			step := "/" + strconv.Itoa(rapid.IntRange(1, size).Draw(t, "step"))
			items[i] = rapid.SampledFrom([]string{"*", "*" + step, spell(a), spell(a), values, values + step}).Draw(t, "item")
		}
		return strings.Join(items, ",")
	})
}

// moments draws instants in the years 1960 to 2110, so on both sides of what a zone's
// table covers.
func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-315619200, 4417977600).Draw(t, "unix"), rapid.Int64Range(0, 999999999).Draw(t, "nano")).UTC()
	})
}

// impossible reports whether a drawn expression names a date that never comes.
func impossible(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "names a date that never comes")
}

func instant(t rapid.TB, s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

func times(instants []int64, zone *time.Location) []string {
	var out []string
	for _, at := range instants {
		out = append(out, time.Unix(at, 0).In(zone).Format(time.RFC3339))
	}
	return out
}
