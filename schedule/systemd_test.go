package schedule_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

func TestSystemd(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		situation string
		exprs     []string
		zone      string
		want      []string
		gated     bool
	}{
		{"every day", []string{"30 2 * * *"}, "UTC", []string{"*-*-* 02:30:00 UTC"}, false},
		{"steps are written out", []string{"*/20 */8 * * *"}, "UTC", []string{"*-*-* 00,08,16:00,20,40:00 UTC"}, false},
		{"a zone without changes", []string{"0 9-11 * * 1-5"}, "Asia/Tokyo", []string{"Mon..Fri *-*-* 09,10,11:00:00 Asia/Tokyo"}, false},
		{"either day field", []string{"0 0 13 * 5"}, "UTC", []string{"Fri *-*-* 00:00:00 UTC", "*-*-13 00:00:00 UTC"}, false},
		{"both day fields", []string{"0 0 */10 * 5"}, "UTC", []string{"Fri *-*-01,11,21,31 00:00:00 UTC"}, false},
		{"months", []string{"0 0 1 1,7 *"}, "UTC", []string{"*-01,07-01 00:00:00 UTC"}, false},
		{"the last day", []string{"0 2 L * *"}, "UTC", []string{"*-*~01 02:00:00 UTC"}, false},
		{"the middle and the end", []string{"0 2 15,L * *"}, "UTC", []string{"*-*-15 02:00:00 UTC", "*-*~01 02:00:00 UTC"}, false},
		{"the last Friday", []string{"0 2 * * 5L"}, "UTC", []string{"Fri *-*~01,02,03,04,05,06,07 02:00:00 UTC"}, false},
		{"the third Friday", []string{"0 2 * * 5#3"}, "UTC", []string{"Fri *-*-15,16,17,18,19,20,21 02:00:00 UTC"}, false},
		{"a working day", []string{"0 2 15W * *"}, "UTC", []string{"Mon..Fri *-*-15 02:00:00 UTC", "Fri *-*-14 02:00:00 UTC", "Mon *-*-16 02:00:00 UTC"}, false},
		{"the last working day", []string{"0 2 LW * *"}, "UTC", []string{"Mon..Fri *-*~01 02:00:00 UTC", "Fri *-*~02,03 02:00:00 UTC"}, false},
		{"away from any change of the clock", []string{"30 4 * * *"}, "Europe/Berlin", []string{"*-*-* 04:30:00 Europe/Berlin"}, false},
		{"a fixed time in the gap", []string{"30 2 * * *"}, "Europe/Berlin",
			[]string{"*-*-* 02:30:00 Europe/Berlin", "Sun *-03-25,26,27,28,29,30,31 01:00:00 UTC"}, false},
		{"never on the day of the change", []string{"30 2 * * 1-5"}, "Europe/Berlin", []string{"Mon..Fri *-*-* 02:30:00 Europe/Berlin"}, false},
		{"a wildcard in the repeated hour", []string{"*/30 1-3 * * *"}, "America/New_York",
			[]string{"*-*-* 01,02,03:00,30:00 America/New_York", "Sun *-11-01,02,03,04,05,06,07 06:00,30:00 UTC"}, false},
		{"every hour", []string{"5 * * * *"}, "Europe/Berlin", []string{"*-*-* *:05:00 UTC"}, false},
		{"every quarter in a zone off by three", []string{"*/15 * * * *"}, "Asia/Kathmandu", []string{"*-*-* *:00,15,30,45:00 UTC"}, false},
		{"every hour where the clock changes by half of one", []string{"5 * * * *"}, "Australia/Lord_Howe",
			[]string{"*-*-* *:05:00 Australia/Lord_Howe"}, false},
		{"a zone whose changes follow the moon", []string{"30 2 * * *"}, "Africa/Casablanca",
			[]string{"*-*-* 02:30:00 Africa/Casablanca", "Sun *-*-* 02:00:00 UTC"}, true},
		{"several", []string{"@daily", "0 0 * * *", "@reboot", "0 12 * * 0"}, "UTC", []string{"*-*-* 00:00:00 UTC", "Sun *-*-* 12:00:00 UTC", "OnBootSec=0"}, false},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			t.Parallel()
			lines, gated := mustNew(t, tt.zone, tt.exprs...).Systemd(from)
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], "OnCalendar=")
			}
			require.Equal(t, tt.want, lines)
			require.Equal(t, tt.gated, gated)
		})
	}
}

// TestSystemdStartsEveryRun asks the real systemd when the lines come, around changes of the
// clock: where there is no gate, exactly when the set runs, otherwise then, too.
func TestSystemdStartsEveryRun(t *testing.T) {
	t.Parallel()
	generator := rapid.OneOf(expressions(), extended(), nightly())
	for zone, changes := range transitions {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			for c, change := range changes {
				base := instant(t, change).Add(-[]time.Duration{25 * time.Hour, 50 * time.Minute, 4 * time.Hour}[c])
				var sets []*schedule.Set
				var exprs []string
				for seed := 0; len(sets) < 12; seed++ {
					expr := generator.Example(100*c + seed)
					set, err := schedule.New([]string{expr}, zone, "default/job")
					if impossible(err) || endless(set, change) {
						continue
					}
					require.NoError(t, err)
					sets, exprs = append(sets, set), append(exprs, expr)
				}
				requireStarts(t, sets, exprs, zone, base)
			}
		})
	}
}

// endless reports what systemd never gets to the end of: days counted from the end of a month
// whose successor begins in a gap. No change to come is at such a midnight.
func endless(set *schedule.Set, change string) bool {
	lines, _ := set.Systemd(time.Time{})
	return change == "1985-12-31T18:30:00Z" && strings.Contains(strings.Join(lines, ""), "~")
}

func TestSystemdKnowsTheZones(t *testing.T) {
	t.Parallel()
	args := []string{"calendar", "--iterations=1", "--base-time=2026-01-01"}
	for zone := range transitions {
		lines, _ := mustNew(t, zone, "30 2 L * 1-5").Systemd(instant(t, "2026-01-01T00:00:00Z"))
		args = append(args, strings.TrimPrefix(lines[0], "OnCalendar="))
	}
	for _, starts := range elapses(t, "UTC", args) {
		require.Len(t, starts, 1)
	}
}

// nightly draws expressions of the hours in which clocks change.
func nightly() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return fields(0, 59, 60, nil).Draw(t, "minute") + " " + fields(0, 3, 24, nil).Draw(t, "hour") + " * * *"
	})
}

func requireStarts(t *testing.T, sets []*schedule.Set, exprs []string, zone string, base time.Time) {
	t.Helper()
	const iterations = 60
	// Without a zone of its own a line is reckoned in the caller's, which saves a process for
	// each of its times.
	args := []string{"calendar", "--iterations=" + strconv.Itoa(iterations), fmt.Sprintf("--base-time=@%d", base.Unix())}
	events := make([][]string, len(sets))
	gates := make([]bool, len(sets))
	for i, set := range sets {
		events[i], gates[i] = set.Systemd(base)
		for j, line := range events[i] {
			events[i][j] = strings.TrimSuffix(strings.TrimPrefix(line, "OnCalendar="), " "+zone)
		}
		args = append(args, events[i]...)
	}
	starts := elapses(t, zone, args)
	for i, set := range sets {
		var got []int64
		until := base.AddDate(3, 0, 0).Unix()
		for range events[i] {
			if len(starts[0]) == iterations {
				until = min(until, starts[0][iterations-1])
			}
			got, starts = append(got, starts[0]...), starts[1:]
		}
		slices.Sort(got)
		got = slices.DeleteFunc(slices.Compact(got), func(at int64) bool { return at > until })
		want := []int64{}
		for at, ok := set.Next(base); ok && at.Unix() <= until; at, ok = set.Next(at) {
			want = append(want, at.Unix())
		}
		if gates[i] {
			got = slices.DeleteFunc(got, func(at int64) bool { return !slices.Contains(want, at) })
		}
		location, err := schedule.Location(zone)
		require.NoError(t, err)
		require.Equal(t, times(want, location), times(got, location), "%s in %s after %s: %q", exprs[i], zone, base, events[i])
	}
}

var elapse = regexp.MustCompile(`(?m): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$`)

// elapses returns for each event when systemd says that it comes.
func elapses(t *testing.T, zone string, args []string) (starts [][]int64) {
	t.Helper()
	cmd := exec.Command("systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "TZ="+zone, "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s (tools/install-deps.sh installs systemd-analyze) %q", &stderr, args)
	for _, section := range strings.Split(strings.TrimSpace(string(out)), "\n\n") {
		var at []int64
		for _, m := range elapse.FindAllStringSubmatch(section, -1) {
			when, err := time.Parse(time.DateTime, m[1])
			require.NoError(t, err)
			at = append(at, when.Unix())
		}
		starts = append(starts, at)
	}
	require.Len(t, starts, len(args)-3)
	return starts
}

// TestSystemdLinesHaveTheDaysOfTheReference reads the lines as systemd's manual defines them.
func TestSystemdLinesHaveTheDaysOfTheReference(t *testing.T) {
	inexact := 0
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Fields(rapid.OneOf(expressions(), extended()).Draw(t, "expr"))
		expr[0], expr[1] = "0", "0"
		set, err := schedule.New([]string{strings.Join(expr, " ")}, "UTC", seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err)
		lines, gated := set.Systemd(time.Time{})
		reference := parseVixie(t, strings.Join(expr, " "))
		if gated {
			inexact++
		}
		from := time.Date(rapid.IntRange(2000, 2399).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC)
		for day := from; day.Year() == from.Year(); day = day.AddDate(0, 0, 1) {
			want := reference.day(day)
			got := slices.ContainsFunc(lines, func(line string) bool { return systemdDay(t, line, day) })
			if want != got && (want || !gated) {
				t.Fatalf("%s on %s: %q", expr, day.Format(time.DateOnly), lines)
			}
		}
	})
	t.Logf("%d of the expressions have a gate", inexact)
}

func systemdDay(t rapid.TB, line string, day time.Time) bool {
	words := strings.Fields(strings.TrimPrefix(line, "OnCalendar="))
	if len(words) == 4 {
		week := words[0]
		if first, last, ranged := strings.Cut(week, ".."); ranged {
			const names = "Mon,Tue,Wed,Thu,Fri,Sat,Sun"
			week = names[strings.Index(names, first) : strings.Index(names, last)+3]
		}
		if !strings.Contains(week, day.Format("Mon")) {
			return false
		}
		words = words[1:]
	}
	date := strings.TrimPrefix(words[0], "*-")
	cut := strings.IndexAny(date, "-~")
	months, days := date[:cut], date[cut+1:]
	number := day.Day()
	if date[cut] == '~' {
		number = time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() - day.Day() + 1
	}
	in := func(list string, n int) bool {
		return list == "*" || slices.Contains(strings.Split(list, ","), fmt.Sprintf("%02d", n))
	}
	require.Equal(t, "00:00:00", words[1])
	return in(months, int(day.Month())) && in(days, number)
}
