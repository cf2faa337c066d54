package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// calendar is an OnCalendar expression of systemd: all of its parts must match.
type calendar struct {
	weekdays [7]bool // from Sunday on
	months   [13]bool
	days     [32]bool
	fromEnd  bool // days count from the end of the month: 1 is the last
	hours    [24]bool
	minutes  [60]bool
	second   int
	timezone string // "" where it names none
}

// calendarWords are systemd's own names of schedules.
var calendarWords = map[string]string{
	"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "weekly": "Mon *-*-* 00:00:00",
	"monthly": "*-*-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00",
	"semiannually": "*-01,07-01 00:00:00", "semi-annually": "*-01,07-01 00:00:00",
	"biannually": "*-01,07-01 00:00:00", "bi-annually": "*-01,07-01 00:00:00",
	"yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00", "anually": "*-01-01 00:00:00",
}

// readCalendar reads an OnCalendar expression in any of its spellings. The error says what
// cron could not express, or what is wrong.
func readCalendar(text string) (c *calendar, err error) {
	c = &calendar{}
	words := strings.Fields(text)
	if len(words) > 1 {
		last := words[len(words)-1]
		if _, zoneErr := time.LoadLocation(last); zoneErr == nil && !strings.ContainsAny(last[:1], "*0123456789") && last != "Local" {
			c.timezone, words = last, words[:len(words)-1]
		}
	}
	if len(words) == 1 {
		if spelled, known := calendarWords[strings.ToLower(words[0])]; known {
			words = strings.Fields(spelled)
		}
	}
	weekday, date, clock := "", "*-*-*", "00:00:00"
	seen := 0
	for i, word := range words {
		switch first := word[0] | 0x20; {
		case i == 0 && first >= 'a' && first <= 'z':
			weekday = word
		case strings.Contains(word, ":") && i == len(words)-1:
			clock = word
			seen++
		case strings.ContainsAny(word, "-~") && seen == 0:
			date = word
			seen++
		default:
			return nil, fmt.Errorf("%q is no calendar time that is understood", text)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	if err := c.setWeekdays(weekday); err != nil {
		return nil, err
	}
	if err := c.setDate(date); err != nil {
		return nil, err
	}
	return c, c.setTime(clock)
}

func (c *calendar) setWeekdays(text string) error {
	if text == "" {
		c.weekdays = [7]bool{true, true, true, true, true, true, true}
		return nil
	}
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		low, high, ranged := strings.Cut(part, "..")
		if !ranged {
			low, high, ranged = strings.Cut(part, "-")
		}
		from, err := weekdayOf(low)
		if err != nil {
			return err
		}
		to := from
		if ranged {
			if to, err = weekdayOf(high); err != nil {
				return err
			}
		}
		if (from+6)%7 > (to+6)%7 { // the week begins on Monday
			return fmt.Errorf("%q runs backwards", part)
		}
		for day := from; ; day = (day + 1) % 7 {
			if c.weekdays[day] = true; day == to {
				break
			}
		}
	}
	return nil
}

func weekdayOf(name string) (int, error) {
	for day := range 7 {
		whole := strings.ToLower(time.Weekday(day).String())
		if name == whole || name == whole[:3] {
			return day, nil
		}
	}
	return 0, fmt.Errorf("%q is no day of the week", name)
}

func (c *calendar) setDate(text string) error {
	days := ""
	if before, after, found := strings.Cut(text, "~"); found {
		text, days, c.fromEnd = before, after, true
	} else if i := strings.LastIndexByte(text, '-'); i >= 0 {
		text, days = text[:i], text[i+1:]
	}
	year, months, found := strings.Cut(text, "-")
	if !found {
		year, months = "*", text
	}
	if year != "*" {
		return fmt.Errorf("it names the year %s, and cron has no years", year)
	}
	if err := setValues(c.months[:], 1, months, false); err != nil {
		return fmt.Errorf("months: %w", err)
	}
	if err := setValues(c.days[:], 1, days, c.fromEnd); err != nil {
		return fmt.Errorf("days: %w", err)
	}
	return nil
}

func (c *calendar) setTime(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) == 2 {
		parts = append(parts, "00")
	}
	if len(parts) != 3 {
		return fmt.Errorf("%q is no time", text)
	}
	var seconds [60]bool
	for i, values := range [][]bool{c.hours[:], c.minutes[:], seconds[:]} {
		part := parts[i]
		if i == 2 {
			part, _ = strings.CutSuffix(part, ".000000")
		}
		if err := setValues(values, 0, part, false); err != nil {
			return fmt.Errorf("time: %w", err)
		}
	}
	c.second = slices.Index(seconds[:], true)
	if slices.Contains(seconds[c.second+1:], true) {
		return fmt.Errorf("it comes several times a minute, and cron once at most")
	}
	return nil
}

// setValues sets what a list such as 1,3..5,10/2 means. Counted from the end of the month, a
// repetition goes down.
func setValues(values []bool, low int, text string, down bool) error {
	high := len(values) - 1
	if text == "*" {
		for n := low; n <= high; n++ {
			values[n] = true
		}
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		span, repeat, repeated := strings.Cut(item, "/")
		first, last, ranged := strings.Cut(span, "..")
		from, err := strconv.Atoi(first)
		to := from
		if ranged && err == nil {
			to, err = strconv.Atoi(last)
		}
		step := 1
		if repeated && err == nil {
			if step, err = strconv.Atoi(repeat); err == nil && step < 1 {
				err = strconv.ErrRange
			}
		}
		if err != nil || from < low || from > high || to < low || to > high {
			return fmt.Errorf("%q is not understood", item)
		}
		switch {
		case repeated && !ranged && down:
			for n := from; n >= low; n -= step {
				values[n] = true
			}
			continue
		case repeated && !ranged:
			to = high
		case from > to && down:
			from, to = to, from
		case from > to:
			return fmt.Errorf("%q runs backwards", item)
		}
		for n := from; n <= to; n += step {
			values[n] = true
		}
	}
	return nil
}

// reading is the calendar as a proof asks it.
func (c *calendar) reading() *reading {
	return &reading{months: c.months, hours: c.hours, minutes: c.minutes, clock: unproven, second: int64(c.second), day: func(t date) bool {
		day := t.day
		if c.fromEnd {
			day = t.length() - t.day + 1
		}
		return c.weekdays[t.weekday] && c.days[day]
	}}
}

// expressions are the calendar as cron has it, which starts a job on either of two days
// where systemd asks for both.
func (c *calendar) expressions() ([]string, error) {
	days, weekdays := fieldOf(c.days[:], 1, false), fieldOf(c.weekdays[:], 0, false)
	if c.fromEnd {
		var err error
		if days, weekdays, err = c.lastDays(); err != nil {
			return nil, err
		}
	}
	if days != "*" && weekdays != "*" {
		switch numbered, whole := c.weeks(); {
		case whole:
			days, weekdays = "*", numbered
		case c.days[1]: // a list that begins with * asks for both; */31 is the 1st
			days = starred("*/31", c.days[:], 2)
		case c.weekdays[0]: // and */7 is Sunday
			weekdays = starred("*/7", c.weekdays[:], 1)
		default:
			return nil, fmt.Errorf("it asks for a day of the month and of the week at once, and cron takes either")
		}
	}
	return []string{strings.Join([]string{
		fieldOf(c.minutes[:], 0, true), fieldOf(c.hours[:], 0, true), days, fieldOf(c.months[:], 1, true), weekdays,
	}, " ")}, nil
}

// starred writes a list that begins with a first item, and the values from low on.
func starred(first string, values []bool, low int) string {
	rest := slices.Clone(values)
	for n := range low {
		rest[n] = false
	}
	if list := fieldOf(rest, 0, false); list != "" {
		return first + "," + list
	}
	return first
}

// lastDays writes days that count from the end of the month.
func (c *calendar) lastDays() (days, weekdays string, err error) {
	if fieldOf(c.weekdays[:], 0, false) == "*" {
		var list []string
		for n := 1; n <= 31; n++ {
			switch {
			case c.days[n] && n == 1:
				list = append(list, "L")
			case c.days[n]:
				list = append(list, "L-"+strconv.Itoa(n-1))
			}
		}
		return strings.Join(list, ","), "*", nil
	}
	if fieldOf(c.days[:], 1, false) != "1-7" {
		return "", "", fmt.Errorf("it asks for a day of the week among the last of a month, and cron has the last of its kind alone")
	}
	var list []string
	for day, in := range c.weekdays {
		if in {
			list = append(list, strconv.Itoa(day)+"L")
		}
	}
	return "*", strings.Join(list, ","), nil
}

// weeks writes the weekdays with the weeks of the month that the days are, if they are whole
// weeks: Monday within 1..7 is the first Monday.
func (c *calendar) weeks() (numbered string, whole bool) {
	var list []string
	for week := range 5 {
		in, out := false, false
		for day := week*7 + 1; day <= min(week*7+7, 31); day++ {
			in, out = in || c.days[day], out || !c.days[day]
		}
		if in && out {
			return "", false
		}
		for weekday, chosen := range c.weekdays {
			if in && chosen {
				list = append(list, strconv.Itoa(weekday)+"#"+strconv.Itoa(week+1))
			}
		}
	}
	return strings.Join(list, ","), true
}

// fieldOf writes a field of cron for the values from low on: * for all, a step where they
// are one and stepped allows it, ranges and numbers otherwise.
func fieldOf(values []bool, low int, stepped bool) string {
	var chosen []int
	for n := low; n < len(values); n++ {
		if values[n] {
			chosen = append(chosen, n)
		}
	}
	if len(chosen) == len(values)-low {
		return "*"
	}
	if stepped && len(chosen) > 2 && chosen[0] == low {
		step := chosen[1] - chosen[0]
		even := chosen[len(chosen)-1]+step >= len(values)
		for i, n := range chosen {
			even = even && n == low+i*step
		}
		if even {
			return "*/" + strconv.Itoa(step)
		}
	}
	var list []string
	for i := 0; i < len(chosen); i++ {
		j := i
		for j+1 < len(chosen) && chosen[j+1] == chosen[j]+1 {
			j++
		}
		switch {
		case j > i+1:
			list = append(list, strconv.Itoa(chosen[i])+"-"+strconv.Itoa(chosen[j]))
			i = j
		default:
			list = append(list, strconv.Itoa(chosen[i]))
		}
	}
	return strings.Join(list, ",")
}
