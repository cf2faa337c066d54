package schedule_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

func TestLaunchd(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		situation, zone, host string
		exprs                 []string
		want                  string // dictionaries, shortened
		gated                 bool
	}{
		{"a time of the day", "Europe/Berlin", "Europe/Berlin", []string{"30 4 * * *"}, "Hour=4 Minute=30", false},
		{"every hour", "Europe/Berlin", "Europe/Berlin", []string{"30 * * * *"}, "Minute=30", false},
		{"every minute", "UTC", "UTC", []string{"* * * * *"}, "", false},
		{"either day field", "UTC", "UTC", []string{"0 0 13 * 5"}, "Weekday=5 Hour=0 Minute=0, Day=13 Hour=0 Minute=0", false},
		{"both day fields", "UTC", "UTC", []string{"0 0 */10 * 5"}, "Day=1 Hour=0 Minute=0, Day=11 Hour=0 Minute=0, Day=21 Hour=0 Minute=0, Day=31 Hour=0 Minute=0", true},
		{"the third Friday", "UTC", "UTC", []string{"0 0 * * 5#3"}, "Weekday=5 Hour=0 Minute=0", true},
		{"the last day", "UTC", "UTC", []string{"0 0 L 6 *"}, "Month=6 Day=30 Hour=0 Minute=0", false},
		{"the last day of any month", "UTC", "UTC", []string{"0 0 L * *"},
			"Day=28 Hour=0 Minute=0, Day=29 Hour=0 Minute=0, Day=30 Hour=0 Minute=0, Day=31 Hour=0 Minute=0", true},
		{"a time in the gap", "Europe/Berlin", "Europe/Berlin", []string{"30 2 * * *"}, "Minute=0, Minute=30", true},
		{"a host in another zone", "Europe/Berlin", "Asia/Kolkata", []string{"15 4 * * *"}, "Minute=30, Minute=45", true},
		{"a host in a zone that nobody knows", "Europe/Berlin", "", []string{"15 4 * * *"}, "", true},
		{"more than a list may have", "UTC", "UTC", []string{"1-59 9-17 * * 1-5"}, "531 dictionaries are too many", true},
		{"the same twice", "UTC", "UTC", []string{"@daily", "@midnight"}, "Hour=0 Minute=0", false},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			t.Parallel()
			lines, gated := mustNew(t, tt.zone, tt.exprs...).Launchd(tt.host, from)
			require.Equal(t, tt.gated, gated)
			require.Equal(t, []string{"<key>StartCalendarInterval</key>", "<array>", "</array>"}, []string{lines[0], lines[1], lines[len(lines)-1]})
			var got []string
			for _, dict := range lines[2 : len(lines)-1] {
				require.Regexp(t, `^  <dict>(<key>[A-Z][a-z]+</key><integer>\d+</integer>)*</dict>$`, dict)
				got = append(got, strings.TrimSuffix(strings.NewReplacer("  <dict>", "", "<key>", "", "</key><integer>", "=", "</integer>", " ", "</dict>", "").Replace(dict), " "))
			}
			if len(got) > 50 {
				require.LessOrEqual(t, len(got), 500)
				return
			}
			require.Equal(t, tt.want, strings.Join(got, ", "))
		})
	}
	lines, gated := mustNew(t, "UTC", "@reboot").Launchd("UTC", from)
	require.Equal(t, []string{"<key>RunAtLoad</key>", "<true/>"}, lines)
	require.False(t, gated)
}

// TestLaunchdStartsEveryRun reads the dictionaries as launchd.plist(5) defines them.
func TestLaunchdStartsEveryRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, expr, host, from, possible := drawOnHost(t)
		if !possible {
			return
		}
		lines, gated := set.Launchd(host, from)
		var dicts []map[string]int
		for _, line := range lines[2 : len(lines)-1] {
			said := map[string]int{}
			for _, m := range keyed.FindAllStringSubmatch(line, -1) {
				said[m[1]], _ = strconv.Atoi(m[2])
			}
			dicts = append(dicts, said)
		}
		requireAmong(t, set, gated, from, func(day time.Time, start func(hour, minute int)) {
			for _, said := range dicts {
				startInterval(said, day, start)
			}
		}, host, expr)
	})
}

var keyed = regexp.MustCompile(`<key>([A-Za-z]+)</key><integer>(\d+)</integer>`)

// startInterval starts what a dictionary says of a day.
func startInterval(said map[string]int, day time.Time, start func(hour, minute int)) {
	matches := func(key string, value int) bool {
		want, is := said[key]
		return !is || want == value
	}
	if !matches("Month", int(day.Month())) || !matches("Day", day.Day()) || !matches("Weekday", int(day.Weekday())) {
		return
	}
	within := func(key string, size int) (from, to int) {
		if want, is := said[key]; is {
			return want, want + 1
		}
		return 0, size
	}
	firstHour, lastHour := within("Hour", 24)
	firstMinute, lastMinute := within("Minute", 60)
	for hour := firstHour; hour < lastHour; hour++ {
		for minute := firstMinute; minute < lastMinute; minute++ {
			start(hour, minute)
		}
	}
}

// drawOnHost draws a set in any zone, and a host whose clock may be of another one.
func drawOnHost(t *rapid.T) (set *schedule.Set, expr, host string, from time.Time, possible bool) {
	zone, host := zoneNames.Draw(t, "zone"), zoneNames.Draw(t, "host")
	if rapid.Bool().Draw(t, "at home") {
		host = zone
	}
	expr = rapid.OneOf(expressions(), extended(), nightly()).Draw(t, "expr")
	set, err := schedule.New([]string{expr}, zone, seed)
	if impossible(err) {
		return nil, expr, host, from, false
	}
	require.NoError(t, err)
	return set, expr, host, drawFrom(t, zone), true
}

// drawFrom draws an instant before a change of a zone's clock, or any other.
func drawFrom(t *rapid.T, zone string) time.Time {
	if rapid.Bool().Draw(t, "change") {
		return instant(t, rapid.SampledFrom(transitions[zone]).Draw(t, "change")).Add(-30 * time.Hour)
	}
	return time.Unix(rapid.Int64Range(1767225600, 2398377600).Draw(t, "from")/60*60, 0).UTC() // 2026 to 2045
}

// requireAmong compares three days of a set with what a scheduler starts, which each tells by
// a day's clock of a zone: the runs must be among the starts, and without a gate all of them.
func requireAmong(t *rapid.T, set *schedule.Set, gated bool, from time.Time, each func(day time.Time, start func(hour, minute int)), zone, expr string) {
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	until := from.AddDate(0, 0, 3)
	starts := map[int64]bool{}
	_, before := from.In(location).Zone()
	_, after := until.In(location).Zone()
	for day := from.In(location).AddDate(0, 0, -1); day.Before(until.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		each(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC), func(hour, minute int) {
			at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, location)
			if at.Hour() != hour || at.Minute() != minute {
				return // it is in a gap
			}
			starts[at.Unix()] = true
			if before == after {
				return
			}
			for _, other := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour} {
				for _, again := range []time.Time{at.Add(other), at.Add(-other)} {
					if again.Hour() == hour && again.Minute() == minute {
						starts[again.Unix()] = true
					}
				}
			}
		})
	}
	runs := map[int64]bool{}
	for at, ok := set.Next(from); ok && at.Before(until); at, ok = set.Next(at) {
		runs[at.Unix()] = true
		require.True(t, starts[at.Unix()], "%s: nothing starts it at %s", expr, at)
	}
	for at := range starts {
		if !gated && at > from.Unix() && at < until.Unix() {
			require.True(t, runs[at], "%s is started at %s, without a gate", expr, time.Unix(at, 0).In(location))
		}
	}
}
