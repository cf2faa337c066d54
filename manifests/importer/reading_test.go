package importer

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

var start = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

// zones keeps those that a test has asked for, with what they have learned.
type zones map[string]*zone

func (z zones) named(t rapid.TB, name string) *zone {
	t.Helper()
	if z[name] == nil {
		z[name] = zoneNamed(t, name)
	}
	return z[name]
}

func zoneNamed(t rapid.TB, name string) *zone {
	t.Helper()
	location, err := schedule.Location(name)
	if err != nil {
		t.Fatal(err)
	}
	return newZone(location, start.Unix())
}

// cronField draws a field, with all that cron takes.
func cronField(low, high int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		number := rapid.IntRange(low, high)
		item := rapid.Custom(func(t *rapid.T) string {
			switch rapid.IntRange(0, 6).Draw(t, "form") {
			case 0:
				return "*"
			case 1:
				return fmt.Sprintf("*/%d", rapid.IntRange(1, high+20).Draw(t, "step"))
			case 2:
				return fmt.Sprintf("%d-%d", number.Draw(t, "from"), number.Draw(t, "to"))
			case 3:
				return fmt.Sprintf("%d-%d/%d", number.Draw(t, "from"), number.Draw(t, "to"), rapid.IntRange(1, high+20).Draw(t, "step"))
			case 4:
				return fmt.Sprintf("%d;x", number.Draw(t, "n"))
			}
			return strconv.Itoa(number.Draw(t, "n"))
		})
		return strings.Join(rapid.SliceOfN(item, 1, 3).Draw(t, "items"), ",")
	})
}

func cronTimes() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var fields []string
		for _, f := range vixieFields {
			if rapid.IntRange(0, 2).Draw(t, "any") == 0 {
				fields = append(fields, "*")
			} else {
				fields = append(fields, cronField(f.low, f.high).Draw(t, f.name))
			}
		}
		return strings.Join(fields, " ")
	})
}

// Whatever cron takes is proven equal to what the manifest says, or never runs, or says so.
func TestWhateverCronTakesIsProvenOrRefused(t *testing.T) {
	t.Parallel()
	p := newProver(start)
	known := zones{}
	names := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		text := cronTimes().Draw(t, "times")
		reads, err := readVixie(text)
		if err != nil {
			t.Fatalf("%q: %s", text, err)
		}
		zone := known.named(t, rapid.SampledFrom(names).Draw(t, "zone"))
		expr, err := rewrite(text)
		if err != nil {
			if at, runs := reads.next(zone, start.Unix()); runs {
				t.Fatalf("%q is refused (%s), and cron runs it at %s", text, err, time.Unix(at, 0))
			}
			return
		}
		set, err := schedule.New([]string{expr}, zone.name, "x")
		if err != nil {
			t.Fatal(err)
		}
		c := comparison{zone: zone, set: set, original: reads}
		if err := c.run(p.now.Unix(), &Proof{}, true); err != nil {
			t.Fatalf("%q as %q: %s", text, expr, err)
		}
	})
}

// The reading is not ours alone: another library finds the same runs where clocks do not change.
func TestTheReadingOfCrontabsIsThatOfAnotherLibrary(t *testing.T) {
	t.Parallel()
	known := zones{}
	rapid.Check(t, func(t *rapid.T) {
		text := cronTimes().Draw(t, "times")
		expr, err := rewrite(text)
		if err != nil || !gronx.IsValid(expr) || strings.Contains(expr, "*,") { // which it does not take for a wildcard
			return
		}
		reads, err := readVixie(text)
		if err != nil {
			t.Fatal(err)
		}
		zone, at := known.named(t, "UTC"), start
		for range 20 {
			want, err := gronx.NextTickAfter(expr, at, false)
			if err != nil {
				return // it gives up on what is rare
			}
			got, some := reads.next(zone, at.Unix())
			if !some || got != want.Unix() {
				t.Fatalf("%q after %s: %s, and gronx says %s", text, at, time.Unix(got, 0).UTC(), want)
			}
			at = want
		}
	})
}

// A proof that cannot fail shows nothing.
func TestAProofFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ original, manifest, zone, want string }{
		{"30 2 * * *", "31 2 * * *", "UTC", "the original runs next 2026-03-02T02:30:00Z and the manifest would 2026-03-02T02:31:00Z"},
		{"0 2 1 * fri", "0 2 */31 * fri", "UTC", "the original runs next 2026-03-06T02:00:00Z and the manifest would 2026-05-01T02:00:00Z"},
		{"*/60 2 * * *", "0 2 * * *", "Europe/Berlin", "2026-03-30T02:00:00+02:00 and the manifest would 2026-03-29T03:00:00+02:00, in Europe/Berlin"},
		{"0 0 29 2 *", "0 0 29 2 mon", "UTC", "the original runs next 2028-02-29T00:00:00Z and the manifest would 2027-02-01T00:00:00Z"},
		{"0 0 30-2 * *", "0 0 1 1 *", "UTC", "the original runs next never again and the manifest would 2027-01-01T00:00:00Z"},
	} {
		reads, err := readVixie(c.original)
		require.NoError(t, err)
		set, err := schedule.New([]string{c.manifest}, c.zone, "x")
		require.NoError(t, err)
		comparison := comparison{zone: zoneNamed(t, c.zone), set: set, original: reads}
		require.ErrorContains(t, comparison.run(start.Unix(), &Proof{}, true), c.want, c.original)
	}
}

// elapse is a line in which systemd-analyze says when a timer elapses.
var elapse = regexp.MustCompile(`(?:Next elapse|Iter. #\d+|Iteration #\d+): (?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)`)

// spellings are calendar times in all forms that systemd has.
var spellings = []string{
	"minutely", "hourly", "daily", "monthly", "weekly", "yearly", "annually", "quarterly", "semiannually",
	"*:0/15", "*:00/5", "*:30", "05:40", "05:40:20", "*-*-* 00:00:00", "Mon..Fri 09:00", "Sat,Sun 10:30:00", "Mon,Wed..Fri 12:00",
	"monday 08:00", "Fri..Sun,Mon 8..17/3:00", "*-*-1,15 04:05", "*-1,4,7,10-1", "*-05-03", "05-03 12:00", "*-*-* 4/6:10", "*-*-* 0..6:0/20",
	"*-*-1..7 18:00", "Sat *-*-1..7 18:00", "Mon *-*~07/1 06:00", "*-*~01 23:00", "*-02~03 01:00", "Sun *-*-2,3 01:00", "Tue *-*-1,2 01:00",
	"Wed *-*-8..14 02:00", "Thu,Fri *-*-15..28 02:00", "*-*-29..31 03:00", "*-*-1/2 03:00", "*-2/3-1/10 3,4:7", "Mon *-*-* 12:00:30",
	"daily UTC", "Mon..Fri 09:00 UTC", "*-2-29 00:00", "*-*~1..3 05:00",
}

func TestCalendarTimesAreWhatSystemdSays(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-analyze")
	require.NoError(t, err, "tools/install-deps.sh installs it")
	zone := zoneNamed(t, "UTC")
	cmd := exec.Command(program, append([]string{"calendar", "--iterations=40", "--base-time=2026-03-01 12:00:30 UTC"}, spellings...)...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.Output()
	require.NoError(t, err)
	answers := strings.Split(strings.TrimSpace(string(out)), "\n\n")
	require.Len(t, answers, len(spellings))
	for i, text := range spellings {
		found := elapse.FindAllStringSubmatch(answers[i], -1)
		require.NotEmpty(t, found, "%s: %s", text, answers[i])
		calendar, err := readCalendar(text)
		require.NoError(t, err, text)
		exprs, err := calendar.expressions()
		require.NoError(t, err, text)
		set, err := schedule.New(exprs, "UTC", "x")
		require.NoError(t, err, "%s: %s", text, exprs)
		reads := calendar.reading()
		at := start.Add(-time.Duration(calendar.second) * time.Second).Unix() // a run of this minute may be ahead yet
		ours := time.Unix(at, 0)
		for i, match := range found {
			want, err := time.Parse("2006-01-02 15:04:05 MST", match[1])
			require.NoError(t, err)
			require.Equal(t, calendar.second, want.Second(), text)
			at, _ = reads.next(zone, at)
			ours, _ = set.Next(ours)
			minute := want.Truncate(time.Minute)
			require.Equal(t, minute, time.Unix(at, 0).UTC(), "%s, elapse %d", text, i+1)
			require.Equal(t, minute, ours.UTC(), "%s as %s, elapse %d", text, exprs, i+1)
		}
	}
}

func TestCalendarTimesThatNoScheduleSays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-01-01 00:00": "it names the year 2026, and cron has no years",
		"*:*:0/20":         "it comes several times a minute, and cron once at most",
		"Fri *-*-13":       "it asks for a day of the month and of the week at once, and cron takes either",
		"Mon *-*~05":       "it asks for a day of the week among the last of a month, and cron has the last of its kind alone",
		"Foo 12:00":        `"foo" is no day of the week`,
		"25:00":            `time: "25" is not understood`,
		"*-13-01":          `months: "13" is not understood`,
		"12":               `"12" is no calendar time that is understood`,
		"":                 "it is empty",
		"@1395716396":      `"@1395716396" is no calendar time that is understood`,
	} {
		calendar, err := readCalendar(text)
		if err == nil {
			_, err = calendar.expressions()
		}
		require.EqualError(t, err, want, text)
	}
}
