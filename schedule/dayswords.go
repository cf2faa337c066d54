package schedule

import "fmt"

const everyDay = "every day"

var (
	monthNames   = [...]string{"", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdayNames = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	nthNames     = [...]string{"", "first", "second", "third", "fourth", "fifth"}
)

// monthWords say in which months, with a day of the month ("of June") and without ("in June").
type monthWords struct {
	of, in string
}

func monthsOf(months uint16) monthWords {
	const allMonths = 1<<13 - 2
	names := ranges(uint64(months), func(m int) string { return monthNames[m] })
	switch first, last, step := progression(uint64(months)); {
	case months == allMonths:
		return monthWords{of: " of the month"}
	case step == 1 && last > first+1:
		return monthWords{of: " of each month from " + names[0], in: " in the months from " + names[0]}
	}
	return monthWords{of: " of " + enumerate(names), in: " in " + enumerate(names)}
}

// dayWords says on which days two fields match together.
func dayWords(dom, dow *list, months monthWords) string {
	const everyDayOfMonth = 1<<32 - 2
	inMonth, inWeek := dom.values != everyDayOfMonth, dow.weekdays() != 1<<weekdays-1
	both := dom.star || dow.star
	switch {
	case inMonth && inWeek && both:
		return dom.monthDayWords(months) + ", but only if it is " + dow.condition(months)
	case inMonth && inWeek:
		return dom.monthDayWords(months) + " and " + dow.weekdayWords(months)
	case inMonth && both:
		return dom.monthDayWords(months)
	case inWeek && both:
		return dow.weekdayWords(months)
	}
	return everyDay + months.in
}

// monthDayWords says "on the 1st, the 15th and the last day of the month".
func (l *list) monthDayWords(months monthWords) string {
	var parts []string
	if low, high, step := progression(l.values); step > 1 && len(ranges(l.values, ordinal)) > fewTimes {
		parts = []string{fmt.Sprintf("every %s day from the %s to the %s", ordinal(step), ordinal(low), ordinal(high))}
	} else if l.values != 0 {
		for _, days := range ranges(l.values, ordinal) {
			parts = append(parts, "the "+days)
		}
	}
	return "on " + enumerate(append(parts, l.specialWords()...)) + months.of
}

// weekdayWords says "every Friday" or "on the third Friday of the month".
func (l *list) weekdayWords(months monthWords) string {
	words := ""
	if week := l.weekdays(); week != 0 {
		words = "every " + enumerate(weekdayList(week)) + months.in
		if first, last, ok := weekRange(week); ok {
			words = "from " + first + " to " + last + months.in
		}
	}
	if specials := l.specialWords(); specials != nil {
		if words != "" {
			words += " and "
		}
		words += "on " + enumerate(specials) + months.of
	}
	return words
}

// condition says of a day which day of the week it must be.
func (l *list) condition(months monthWords) string {
	var parts []string
	week := l.weekdays()
	if first, last, ok := weekRange(week); ok {
		parts = append(parts, "a day from "+first+" to "+last)
	} else {
		for _, name := range weekdayList(week) {
			parts = append(parts, "a "+name)
		}
	}
	for _, words := range l.specialWords() {
		parts = append(parts, words+months.of)
	}
	return joinWith("or", parts)
}

// weekdays returns the days of the week that are listed, with Sunday as 0 only.
func (l *list) weekdays() uint64 { return (l.values | l.values>>weekdays) & (1<<weekdays - 1) }

// weekdayList names days of the week, Monday first.
func weekdayList(week uint64) (names []string) {
	for day := 1; day <= weekdays; day++ {
		if week>>(day%weekdays)&1 != 0 {
			names = append(names, weekdayNames[day])
		}
	}
	return names
}

// weekRange returns the ends of at least three days in a row, Monday first.
func weekRange(week uint64) (first, last string, ok bool) {
	monday := week>>1 | week&1<<6
	low, high, step := progression(monday)
	if step != 1 || high < low+2 {
		return "", "", false
	}
	return weekdayNames[low+1], weekdayNames[high+1], true
}

// specialWords says the days that are known by their place in the month, each once.
func (l *list) specialWords() (parts []string) {
	said := map[special]bool{}
	for _, it := range l.items {
		if it.special.kind != noSpecial && !said[it.special] {
			said[it.special] = true
			parts = append(parts, it.special.words())
		}
	}
	return parts
}

func (s special) words() string {
	switch s.kind {
	case beforeLast:
		switch s.nth {
		case 0:
			return "the last day"
		case 1:
			return "the day before the last"
		}
		return fmt.Sprintf("the day %d days before the last", s.nth)
	case nearest:
		return "the working day nearest to the " + ordinal(int(s.day))
	case nearestLast:
		return "the last working day"
	case lastWeekday:
		return "the last " + weekdayNames[s.day]
	}
	return "the " + nthNames[s.nth] + " " + weekdayNames[s.day]
}
