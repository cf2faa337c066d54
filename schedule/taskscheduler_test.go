package schedule_test

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTaskScheduler(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		situation, zone, host string
		exprs                 []string
		want                  []string // triggers, shortened
		gated                 bool
	}{
		{"a time of the day", "Europe/Berlin", "Europe/Berlin", []string{"30 4 * * *"}, []string{"04:30 day"}, false},
		{"working days", "UTC", "UTC", []string{"0 9 * * 1-5"}, []string{"09:00 week Monday Tuesday Wednesday Thursday Friday"}, false},
		{"every quarter of an hour", "UTC", "Europe/Berlin", []string{"*/15 * * * *"}, []string{"00:00Z+15m/1425m day"}, false},
		{"every hour, where the clock changes", "Europe/Berlin", "Europe/Berlin", []string{"5 * * * *"}, []string{"00:05Z+60m/1380m day"}, false},
		{"many times where the clock changes", "Europe/Berlin", "Europe/Berlin", []string{"*/10 9-17 * * *"},
			[]string{"09:00+10m/50m day", "10:00+10m/50m day", "11:00+10m/50m day", "12:00+10m/50m day", "13:00+10m/50m day", "14:00+10m/50m day", "15:00+10m/50m day", "16:00+10m/50m day", "17:00+10m/50m day"}, false},
		{"a day of some months", "Asia/Tokyo", "Asia/Tokyo", []string{"0 0 1 1,7 *"}, []string{"00:00 month 1 January July"}, false},
		{"the last day", "Asia/Tokyo", "Asia/Tokyo", []string{"0 0 L 6-8 *"}, []string{"00:00 month Last June July August"}, false},
		{"the third Friday", "Asia/Tokyo", "Asia/Tokyo", []string{"0 0 * 6 5#3"}, []string{"00:00 nth 3 Friday June"}, false},
		{"the last Friday", "Asia/Tokyo", "Asia/Tokyo", []string{"0 0 * 6 5L"}, []string{"00:00 nth Last Friday June"}, false},
		{"every Friday of June", "Asia/Tokyo", "Asia/Tokyo", []string{"0 0 * 6 5"}, []string{"00:00 nth 1 2 3 4 Last Friday June"}, false},
		{"both day fields", "Asia/Tokyo", "Asia/Tokyo", []string{"0 0 */10 2 5"}, []string{"00:00 month 1 11 21 February"}, true},
		{"a host in another zone", "Asia/Tokyo", "Europe/Berlin", []string{"30 4 * * 1"}, []string{"19:30Z week Sunday"}, false},
		{"a zone of two offsets", "Europe/Berlin", "UTC", []string{"30 4 * * *"}, []string{"02:30Z day", "03:30Z day", "01:00Z day"}, true},
		{"a time in the gap", "Europe/Berlin", "Europe/Berlin", []string{"30 2 * * *"}, []string{"00:30Z day", "01:30Z day", "01:00Z day"}, true},
		{"more than a task may have", "UTC", "UTC", []string{"3,5,8,13,21,34,55 1,2,4,8,16,23 1,15 * *", "1,6,7,9 3,5,11 * * 2"}, []string{"00:00Z+1m/1439m day"}, true},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			t.Parallel()
			lines, gated := mustNew(t, tt.zone, tt.exprs...).TaskScheduler(tt.host, from)
			var got []string
			for _, trigger := range readTriggers(t, lines) {
				got = append(got, trigger.String())
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.gated, gated)
		})
	}
	lines, gated := mustNew(t, "UTC", "@reboot", "@daily").TaskScheduler("UTC", from)
	require.Equal(t, "<BootTrigger/>", lines[len(lines)-1])
	require.False(t, gated)
}

// TestTaskSchedulerStartsEveryRun reads the triggers as Microsoft's schema of tasks defines
// them.
func TestTaskSchedulerStartsEveryRun(t *testing.T) {
	exactly := 0
	rapid.Check(t, func(t *rapid.T) {
		set, expr, host, from, possible := drawOnHost(t)
		if !possible {
			return
		}
		lines, gated := set.TaskScheduler(host, from)
		triggers := readTriggers(t, lines)
		require.LessOrEqual(t, len(triggers), 48)
		inUTC := strings.HasSuffix(triggers[0].Start, "Z")
		if inUTC {
			host = "UTC"
		}
		if !gated {
			exactly++
		}
		requireAmong(t, set, gated, from, func(day time.Time, start func(hour, minute int)) {
			for _, trigger := range triggers {
				require.Equal(t, inUTC, strings.HasSuffix(trigger.Start, "Z"), "one expression has one kind of time")
				trigger.on(t, day, start)
			}
		}, host, expr)
	})
	require.Greater(t, exactly, 500)
}

// winTrigger is a trigger as Windows reads it.
type winTrigger struct {
	Interval string `xml:"Repetition>Interval"`
	Duration string `xml:"Repetition>Duration"`
	Start    string `xml:"StartBoundary"`
	Day      *struct {
		Every int `xml:"DaysInterval"`
	} `xml:"ScheduleByDay"`
	Week *struct {
		Every int     `xml:"WeeksInterval"`
		Days  xmlList `xml:"DaysOfWeek"`
	} `xml:"ScheduleByWeek"`
	Month *struct {
		Days   []string `xml:"DaysOfMonth>Day"`
		Months xmlList  `xml:"Months"`
	} `xml:"ScheduleByMonth"`
	Nth *struct {
		Weeks  []string `xml:"Weeks>Week"`
		Days   xmlList  `xml:"DaysOfWeek"`
		Months xmlList  `xml:"Months"`
	} `xml:"ScheduleByMonthDayOfWeek"`
}

type xmlList struct {
	Items []struct{ XMLName xml.Name } `xml:",any"`
}

func (l xmlList) names() (names []string) {
	for _, item := range l.Items {
		names = append(names, item.XMLName.Local)
	}
	return names
}

func readTriggers(t rapid.TB, lines []string) []winTrigger {
	var task struct {
		Triggers []winTrigger `xml:"CalendarTrigger"`
	}
	require.NoError(t, xml.Unmarshal([]byte("<Triggers>"+strings.Join(lines, "\n")+"</Triggers>"), &task))
	return task.Triggers
}

func (w winTrigger) String() string {
	s := strings.NewReplacer("2000-01-01T", "", ":00Z", "Z").Replace(w.Start)
	if !strings.HasSuffix(s, "Z") {
		s = strings.TrimSuffix(s, ":00")
	}
	if w.Interval != "" {
		s += "+" + strings.ToLower(strings.TrimPrefix(w.Interval, "PT")) + "/" + strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(w.Duration, "PT"), "30S"))
	}
	switch {
	case w.Day != nil:
		return s + " day"
	case w.Week != nil:
		return s + " week " + strings.Join(w.Week.Days.names(), " ")
	case w.Month != nil:
		return s + " month " + strings.Join(append(w.Month.Days, w.Month.Months.names()...), " ")
	}
	return s + " nth " + strings.Join(slices.Concat(w.Nth.Weeks, w.Nth.Days.names(), w.Nth.Months.names()), " ")
}

// on starts what the trigger says of a day.
func (w winTrigger) on(t rapid.TB, day time.Time, start func(hour, minute int)) {
	last := time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	switch {
	case w.Day != nil:
		require.Equal(t, 1, w.Day.Every)
	case w.Week != nil:
		require.Equal(t, 1, w.Week.Every)
		if !slices.Contains(w.Week.Days.names(), day.Weekday().String()) {
			return
		}
	case w.Month != nil:
		if !slices.Contains(w.Month.Months.names(), day.Month().String()) || !slices.Contains(w.Month.Days, strconv.Itoa(day.Day())) && (day.Day() != last || !slices.Contains(w.Month.Days, "Last")) {
			return
		}
	default:
		inWeek := slices.Contains(w.Nth.Weeks, strconv.Itoa((day.Day()+6)/7)) || day.Day() > last-7 && slices.Contains(w.Nth.Weeks, "Last")
		if !inWeek || !slices.Contains(w.Nth.Months.names(), day.Month().String()) || !slices.Contains(w.Nth.Days.names(), day.Weekday().String()) {
			return
		}
	}
	first, err := time.Parse(time.RFC3339, strings.TrimSuffix(w.Start, "Z")+"Z")
	require.NoError(t, err)
	start(first.Hour(), first.Minute())
	if w.Interval == "" {
		return
	}
	step, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(w.Interval, "PT")))
	require.NoError(t, err)
	total, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(w.Duration, "PT")))
	require.NoError(t, err)
	for after := step; after <= total; after += step {
		start(first.Add(after).Hour(), first.Add(after).Minute())
	}
}
