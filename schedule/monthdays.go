package schedule

import (
	"iter"
	"math/bits"
)

// A month's days depend on two things: how long it is, and on which day of the week it
// begins. There are 28 such months, so a schedule knows its days in each of them.
const (
	shortest = 28
	lengths  = 4 // 28 to 31 days
	weekdays = 7
)

// monthDays has the matching days of every month as bits 1 to 31, by length from the
// shortest on and by the day of the week of its 1st, Sunday first.
type monthDays [lengths][weekdays]uint32

// combine returns the days on which both fields match; where neither begins with "*", those
// on which either does.
func combine(dom, dow *list) (c monthDays) {
	for l := range uint(lengths) {
		for first := range uint(weekdays) {
			m := shape{shortest + l, first}
			inMonth, inWeek := dom.daysOfMonth(m), dow.daysOfWeek(m)
			if dom.star || dow.star {
				c[l][first] = inMonth & inWeek & m.all()
			} else {
				c[l][first] = (inMonth | inWeek) & m.all()
			}
		}
	}
	return c
}

// shape is what tells one of the 28 from another.
type shape struct {
	length, first uint
}

// all returns every day of the month.
func (m shape) all() uint32 { return 1<<(m.length+1) - 2 }

// weekday returns the days that are that day of the week, 0 for Sunday.
func (m shape) weekday(day uint) uint32 {
	const everySeventh = 1<<1 | 1<<8 | 1<<15 | 1<<22 | 1<<29
	return everySeventh << ((day + weekdays - m.first) % weekdays) & m.all()
}

// each yields every month that one of the given, as bits 1 to 12, can be. All of them
// happen: every month begins on each day of the week in some year, February of a leap year
// too.
func each(months uint16) iter.Seq[shape] {
	const leapYear, commonYear = 2000, 2001
	var has [lengths]bool
	for ; months != 0; months &= months - 1 {
		m := uint(bits.TrailingZeros16(months))
		has[monthLength(leapYear, m)-shortest] = true
		has[monthLength(commonYear, m)-shortest] = true
	}
	return func(yield func(shape) bool) {
		for l := range uint(lengths) {
			for first := range uint(weekdays) {
				if has[l] && !yield(shape{shortest + l, first}) {
					return
				}
			}
		}
	}
}

// of returns the matching days of a month.
func (c *monthDays) of(m shape) uint32 { return c[m.length-shortest][m.first] }
