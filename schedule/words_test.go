package schedule_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

var update = flag.Bool("update", false, "write the expected words in testdata anew")

func TestWords(t *testing.T) {
	t.Parallel()
	const file = "testdata/words.txt"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var got strings.Builder
	for line := range strings.Lines(string(data)) {
		expr, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		fmt.Fprintf(&got, "%s\t%s\n", expr, wordsOf(t, expr))
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o600))
		return
	}
	require.Equal(t, string(data), got.String())
}

func TestWordsOfASetAreThoseOfItsExpressions(t *testing.T) {
	t.Parallel()
	for want, exprs := range map[string][]string{
		"at 02:30 every day":                                   {"30 2 * * *"},
		"at 02:30 every day; and at 04:00 every Sunday":        {"30 2 * * *", "0 4 * * 0"},
		"at 00:00 every day; and when the host starts":         {"@reboot", "@daily"},
		"at 00:00 every day; and at 00:00 on the 1st of March": {"@daily", "0 0 * * *", "0 0 1 3 *"},
		"when the host starts":                                 {"@reboot"},
	} {
		require.Equal(t, want, mustNew(t, "UTC", exprs...).Words())
	}
}

// Fields as people write them, and spellings that mean the same or nearly the same.
var (
	someMinutes = []string{"*", "0-59", "*/1", "0", "*/60", "30", "0,30", "*/30", "30,0", "0-30/30", "*/15", "0-59/15", "0,15,30,45", "5-59/15",
		"*/7", "0-56/7", "*/40", "0,40", "0-10", "0-10/2", "1-3,17", "59", "*,5", "*/2,3", "0-3", "2-57/5"}
	someHours = []string{"*", "0-23", "*/1", "0", "*/24", "2", "0,12", "*/12", "*/13", "0,13", "*/6", "0-18/6", "0,6,12,18", "*/2", "0-22/2", "1-23/2",
		"9-17", "9-17/2", "9-11,14", "*/7", "0-5,9,13-20", "23", "*/2,3", "0,1", "8-20/2"}
	someDays = []string{"*", "1-31", "*/1", "1", "13", "1,15", "*/2", "1-31/2", "1-7", "*/10", "1,11,21,31", "*,3", "31", "L", "L-1", "L-3", "15W", "LW",
		"15,L", "15W,L", "30", "*/2,L", "1-30,L"}
	someMonths   = []string{"*", "1-12", "6", "2", "6-8", "6,7,8", "1,7", "4,6,9,11"}
	someWeekdays = []string{"*", "0-6", "1-7", "*/1", "5", "fri", "0", "7", "6-7", "1-5", "5-7", "*/2", "0,2,4,6", "5L", "5#3", "5#5", "5,5L", "1,5#3", "*,2", "1,3,5",
		"1#1,1#3", "5#4"}
)

// TestDifferentTimesHaveDifferentWords: all pairs of a minute and an hour.
func TestDifferentTimesHaveDifferentWords(t *testing.T) {
	t.Parallel()
	said := map[string]meaning{}
	for _, minute := range someMinutes {
		for _, hour := range someHours {
			requireOneMeaning(t, said, minute+" "+hour+" * * *")
		}
	}
	require.Greater(t, len(said), 200)
}

// TestDifferentDaysHaveDifferentWords: all days of the month with all days of the week.
func TestDifferentDaysHaveDifferentWords(t *testing.T) {
	t.Parallel()
	said := map[string]meaning{}
	for _, dom := range someDays {
		for _, month := range someMonths {
			for _, dow := range someWeekdays {
				requireOneMeaning(t, said, "0 0 "+dom+" "+month+" "+dow)
			}
		}
	}
	require.Greater(t, len(said), 1000)
}

func TestDifferentSchedulesHaveDifferentWords(t *testing.T) {
	said := map[string]meaning{}
	generator := rapid.OneOf(expressions(), extended())
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Fields(generator.Draw(t, "expr"))
		requireOneMeaning(t, said, strings.Join(expr, " "))
		field := rapid.IntRange(0, 4).Draw(t, "field")
		expr[field] = rapid.SampledFrom([][]string{someMinutes, someHours, someDays, someMonths, someWeekdays}[field]).Draw(t, "another")
		if field != 2 || !strings.Contains(expr[2], "W") {
			requireOneMeaning(t, said, strings.Join(expr, " "))
		}
	})
}

// TestWordsGoByWhatIsMeant: the plain numbers of a crontab line have the words of whatever
// was written instead.
func TestWordsGoByWhatIsMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := expressions().Draw(t, "expr")
		set, err := schedule.New([]string{expr}, "UTC", seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err)
		lines, _ := set.Crontab("UTC")
		require.Equal(t, wordsOf(t, expr), wordsOf(t, lines[0]))
	})
}

// meaning is what a schedule does, found by the reference: its times, how it treats changes
// of the clock, its months, and its days in each kind of month that there is.
type meaning struct {
	times  [2][60]bool
	fixed  bool
	months [60]bool
	days   [28][32]bool
}

// kindsOfMonth begin a month of each length on each day of the week.
var kindsOfMonth = func() (firsts [28]time.Time) {
	for at := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2027; at = at.AddDate(0, 1, 0) {
		length := at.AddDate(0, 1, -1).Day()
		firsts[(length-28)*7+int(at.Weekday())] = at
	}
	return firsts
}()

func requireOneMeaning(t rapid.TB, said map[string]meaning, expr string) {
	s, err := schedule.Parse(expr, seed)
	if impossible(err) {
		return
	}
	require.NoError(t, err)
	reference := parseVixie(t, expr)
	m := meaning{times: [2][60]bool{reference.match[0], reference.match[1]}, fixed: !reference.star[0] && !reference.star[1], months: reference.match[3]}
	for month := range 13 {
		reference.match[3][month] = true
	}
	for i, first := range kindsOfMonth {
		for day := first; day.Month() == first.Month(); day = day.AddDate(0, 0, 1) {
			m.days[i][day.Day()] = reference.day(day)
		}
	}
	words := s.Words()
	if before, known := said[words]; known && before != m {
		t.Fatalf("%q is not only what %s is called", words, expr)
	}
	said[words] = m
}

func wordsOf(t rapid.TB, expr string) string {
	s, err := schedule.Parse(expr, seed)
	require.NoError(t, err, expr)
	return s.Words()
}
