package schedule

// The proleptic Gregorian calendar in whole days, counted from 1970-01-01. Package time
// has all of this, but through a zone look-up for each question.

const (
	minutesPerDay = 24 * 60
	firstYear     = 1
	lastYear      = 9999 // what RFC 3339 can write

	firstDay    = -719162 // 0001-01-01
	lastDay     = 2932896 // 9999-12-31
	firstMinute = firstDay * minutesPerDay
	lastMinute  = lastDay*minutesPerDay + minutesPerDay - 1
)

// The calendar repeats after 400 years. Its years are taken to begin in March, so that
// the leap day is their last.
const (
	daysPerEra = 146097
	marchShift = 719468 // days from 0000-03-01 to 1970-01-01
)

// civil returns the date of a day between firstDay and lastDay.
func civil(day int64) (year int, month, dom uint) {
	n := uint32(day + marchShift)
	era, n := n/daysPerEra, n%daysPerEra
	y := (n - n/1460 + n/36524 - n/146096) / 365
	n -= 365*y + y/4 - y/100
	m := (5*n + 2) / 153 // 0 is March
	dom = uint(n - (153*m+2)/5 + 1)
	year = int(era*400 + y)
	if m < 10 {
		return year, uint(m + 3), dom
	}
	return year + 1, uint(m - 9), dom
}

// daysBefore returns the day number of the 1st of a month.
func daysBefore(year int, month uint) int64 {
	m := uint32(month + 9)
	if month > 2 {
		m = uint32(month - 3)
	} else {
		year--
	}
	era, y := uint32(year)/400, uint32(year)%400
	return int64(era*daysPerEra+365*y+y/4-y/100+(153*m+2)/5) - marchShift
}

// weekday returns the day of the week, 0 for Sunday.
func weekday(day int64) uint32 {
	return uint32(day-firstDay+1) % 7 // 0001-01-01 was a Monday
}

// monthLength returns how many days a month has.
func monthLength(year int, month uint) uint {
	if month != 2 {
		return 30 + (month+month>>3)&1
	}
	if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return 28
}

// floorDiv divides and rounds down, below zero too.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
