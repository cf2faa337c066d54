package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// taskTimes are the times of a trigger: minutes of a day, on days.
type taskTimes struct {
	minutes  [24 * 60]bool
	second   int
	utc      bool
	weekdays [7]bool
	months   [13]bool
	days     [32]bool
	last     bool    // the last day of the month, too
	weeks    [6]bool // 1 to 4 and 5 for the last: which of the weekdays; none for every one
}

const (
	minutesPerDay = 24 * 60
	localTime     = "2006-01-02T15:04:05"
)

// times reads a trigger. The error says what no schedule can say.
func (t *trigger) times() (*taskTimes, error) {
	kind := t.XMLName.Local
	if kind != "CalendarTrigger" && kind != "TimeTrigger" {
		return nil, fmt.Errorf("it waits for something else than a time")
	}
	start, utc, err := boundary(t.StartBoundary)
	if err != nil {
		return nil, err
	}
	tt := &taskTimes{second: start.Second(), utc: utc}
	for day := range tt.weekdays {
		tt.weekdays[day] = true
	}
	fill(tt.days[1:], true)
	fill(tt.months[1:], true)
	if kind == "CalendarTrigger" {
		if err := t.setDays(tt); err != nil {
			return nil, err
		}
	}
	return tt, t.repeat(tt, start, kind == "TimeTrigger")
}

// boundary reads the start of a trigger: without a zone it is the host's own time.
func boundary(text string) (start time.Time, utc bool, err error) {
	if i := strings.IndexByte(text, '.'); i > 0 { // parts of a second
		end := i + 1
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		text = text[:i] + text[end:]
	}
	if start, err = time.Parse(localTime, text); err == nil {
		return start, false, nil
	}
	if start, err = time.Parse(time.RFC3339, text); err == nil {
		return start.UTC(), true, nil
	}
	return start, false, fmt.Errorf("it begins at %q, which is no time", text)
}

func fill(values []bool, with bool) {
	for i := range values {
		values[i] = with
	}
}

// setDays says on which days.
func (t *trigger) setDays(tt *taskTimes) error {
	switch {
	case t.ByDay != nil:
		if t.ByDay.DaysInterval > 1 {
			return fmt.Errorf("every %d days counts from the first one, and a schedule begins anew with each month", t.ByDay.DaysInterval)
		}
	case t.ByWeek != nil:
		if t.ByWeek.WeeksInterval > 1 {
			return fmt.Errorf("every %d weeks counts from the first one, and a schedule knows days of a week", t.ByWeek.WeeksInterval)
		}
		return setNamed(tt.weekdays[:], t.ByWeek.Days, 0)
	case t.ByMonth != nil:
		fill(tt.days[:], false)
		for _, day := range t.ByMonth.Days {
			n, err := strconv.Atoi(day)
			switch {
			case day == "Last":
				tt.last = true
			case err != nil || n < 1 || n > 31:
				return fmt.Errorf("%q is no day of a month", day)
			default:
				tt.days[n] = true
			}
		}
		return setNamed(tt.months[:], t.ByMonth.Months, 1)
	case t.ByWeekday != nil:
		for _, week := range t.ByWeekday.Weeks {
			n, err := strconv.Atoi(week)
			switch {
			case week == "Last":
				tt.weeks[5] = true
			case err != nil || n < 1 || n > 4:
				return fmt.Errorf("%q is no week of a month", week)
			default:
				tt.weeks[n] = true
			}
		}
		if err := setNamed(tt.months[:], t.ByWeekday.Months, 1); err != nil {
			return err
		}
		return setNamed(tt.weekdays[:], t.ByWeekday.Days, 0)
	default:
		return fmt.Errorf("it has no days")
	}
	return nil
}

// setNamed sets the values whose English names are listed; none means all.
func setNamed(values []bool, list names, low int) error {
	if len(list) == 0 {
		return nil
	}
	fill(values, false)
	for _, name := range list {
		found := false
		for n := low; n < len(values); n++ {
			whole := time.Weekday(n).String()
			if low == 1 {
				whole = time.Month(n).String()
			}
			if whole == name {
				values[n], found = true, true
			}
		}
		if !found {
			return fmt.Errorf("%q is no name of a day or month", name)
		}
	}
	return nil
}

// repeat says at which minutes of a day.
func (t *trigger) repeat(tt *taskTimes, start time.Time, once bool) error {
	first := start.Hour()*60 + start.Minute()
	if t.Repetition == nil || t.Repetition.Interval == "" {
		if once {
			return fmt.Errorf("it runs once, at %s, and a schedule has no years", start.Format(localTime))
		}
		tt.minutes[first] = true
		return nil
	}
	interval, ok := isoDuration(t.Repetition.Interval)
	if !ok || interval < time.Minute || interval%time.Minute != 0 {
		return fmt.Errorf("it is repeated every %q, and a schedule has whole minutes", t.Repetition.Interval)
	}
	every := int(interval / time.Minute)
	duration, limited := isoDuration(t.Repetition.Duration)
	if once && limited {
		return fmt.Errorf("it runs on one day only, and a schedule has no years")
	}
	if !limited || duration >= 24*time.Hour {
		// It goes on: each day is as the last one only if the interval divides the day.
		if minutesPerDay%every != 0 || limited && duration > 24*time.Hour {
			return fmt.Errorf("every %s does not come at the same times each day", crontopus.Duration(interval))
		}
		for n := range minutesPerDay / every {
			tt.minutes[(first+n*every)%minutesPerDay] = true
		}
		if !once && !tt.everyDay() && first != 0 {
			return fmt.Errorf("its repetitions go on into the next day")
		}
		return nil
	}
	for at := first; at <= first+int(duration/time.Minute); at += every {
		if at >= minutesPerDay {
			if !tt.everyDay() {
				return fmt.Errorf("its repetitions go on into the next day")
			}
		}
		tt.minutes[at%minutesPerDay] = true
	}
	return nil
}

func (tt *taskTimes) everyDay() bool {
	return !slices.Contains(tt.weekdays[:], false) && !slices.Contains(tt.months[1:], false) && !slices.Contains(tt.days[1:], false) && tt.weeks == [6]bool{}
}

// matches is the day as the proof asks it.
func (tt *taskTimes) matches(t date) bool {
	if !tt.weekdays[t.weekday] {
		return false
	}
	if tt.weeks != [6]bool{} {
		return tt.weeks[min((t.day-1)/7+1, 4)] && t.day <= 28 || tt.weeks[5] && t.day+7 > t.length()
	}
	return tt.days[t.day] || tt.last && t.day == t.length()
}

// readings are the times for a proof: one for each minute of the hour that is used, because the
// hours of each may be others.
func (tt *taskTimes) readings() (all []*reading) {
	for minute := range 60 {
		r := &reading{months: tt.months, day: tt.matches, clock: unproven, second: int64(tt.second)}
		for hour := range 24 {
			r.hours[hour] = tt.minutes[hour*60+minute]
		}
		if r.minutes[minute] = true; slices.Contains(r.hours[:], true) {
			all = append(all, r)
		}
	}
	return all
}

// expressions are the times as cron has them: one for the hours that have their minutes in
// common.
func (tt *taskTimes) expressions() (exprs []string, err error) {
	days, weekdays := tt.dayFields()
	for _, set := range tt.hourGroups() {
		exprs = append(exprs, strings.Join([]string{set.minutes, fieldOf(set.hours[:], 0, true), days, fieldOf(tt.months[:], 1, false), weekdays}, " "))
	}
	if len(exprs) > 16 {
		return nil, fmt.Errorf("its times need more than 16 schedules")
	}
	for _, expr := range exprs {
		if err := accept(expr); err != nil {
			return nil, err
		}
	}
	return exprs, nil
}

type hourGroup struct {
	minutes string
	hours   [24]bool
}

func (tt *taskTimes) hourGroups() (groups []hourGroup) {
	for hour := range 24 {
		minutes := tt.minutes[hour*60 : hour*60+60]
		if !slices.Contains(minutes, true) {
			continue
		}
		text := fieldOf(minutes, 0, true)
		i := slices.IndexFunc(groups, func(g hourGroup) bool { return g.minutes == text })
		if i < 0 {
			groups, i = append(groups, hourGroup{minutes: text}), len(groups)
		}
		groups[i].hours[hour] = true
	}
	return groups
}

func (tt *taskTimes) dayFields() (days, weekdays string) {
	days, weekdays = fieldOf(tt.days[:], 1, false), fieldOf(tt.weekdays[:], 0, false)
	if tt.last {
		days = strings.TrimPrefix(days+",L", ",")
	}
	if tt.weeks == [6]bool{} {
		return days, weekdays
	}
	var list []string
	for week, chosen := range tt.weeks {
		for day, in := range tt.weekdays {
			switch {
			case !chosen || !in:
			case week == 5:
				list = append(list, strconv.Itoa(day)+"L")
			default:
				list = append(list, fmt.Sprintf("%d#%d", day, week))
			}
		}
	}
	return "*", strings.Join(list, ",")
}
