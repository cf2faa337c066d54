package schedule

import (
	"cmp"
	"math/bits"
	"slices"
)

// dates are days as other schedulers know them: those of some days of the week that are
// some days of some months, too.
type dates struct {
	week    uint8  // days of the week as bits, Sunday first
	days    uint32 // of the month, bits 1 to 31; anyDate for all
	fromEnd bool   // days count from the end of the month: bit 1 is the last
	months  uint16 // bits 1 to 12
}

const (
	anyWeekday = 1<<weekdays - 1
	anyDate    = 1<<32 - 2
	anyMonth   = 1<<13 - 2
)

// dates returns days that together are the schedule's; not exact where they are some more.
// A day of the month is told by its weekday and by its number from the start or from the end
// of the month, which are the two ways in which schedulers can name it.
func (s *Schedule) dates() (all []dates, exact bool) {
	if all, exact = s.datesIn(s.months); exact {
		return all, true
	}
	const months31, months30, february = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<8 | 1<<10 | 1<<12, 1<<4 | 1<<6 | 1<<9 | 1<<11, 1 << 2
	all, exact = nil, true
	for _, months := range []uint16{months31, months30, february} {
		if months &= s.months; months != 0 {
			some, fits := s.datesIn(months)
			all, exact = append(all, some...), exact && fits
		}
	}
	return all, exact
}

// month has for each day of a month the days of the week on which it counts.
type month [32]uint8

// datesIn returns the days in months, the same ones in all of them.
func (s *Schedule) datesIn(months uint16) (all []dates, exact bool) {
	var byLength [lengths]month // as the schedule has them
	var has [lengths]bool
	for m := range each(months) {
		has[m.length-shortest] = true
		for days := s.days.of(m); days != 0; days &= days - 1 {
			day := uint(bits.TrailingZeros32(days))
			byLength[m.length-shortest][day] |= 1 << ((m.first + day - 1) % weekdays)
		}
	}
	// What counts in every month that has that day, from its start and from its end.
	var start, end month
	for day := uint(1); day <= 31; day++ {
		start[day], end[day] = anyWeekday, anyWeekday
		for l := range uint(lengths) {
			if length := l + shortest; has[l] && day <= length {
				start[day] &= byLength[l][day]
				end[day] &= byLength[l][length-day+1]
			}
		}
	}
	covers := func(start, end month) bool {
		for l := range uint(lengths) {
			for day := uint(1); has[l] && day <= l+shortest; day++ {
				if byLength[l][day]&^(start[day]|end[l+shortest-day+1]) != 0 {
					return false
				}
			}
		}
		return true
	}
	longest := bits.Len8(has8(has)) + shortest - 1
	switch {
	case covers(start, month{}):
		return start.dates(longest, months, false), true
	case covers(month{}, end):
		return end.dates(longest, months, true), true
	case covers(start, end):
		start, end = fewest(start, end, covers)
		return append(start.dates(longest, months, false), end.dates(longest, months, true)...), true
	}
	for l := range byLength {
		for day, week := range byLength[l] {
			start[day] |= week
		}
	}
	return start.dates(longest, months, false), false
}

func has8(has [lengths]bool) (set uint8) {
	for l, is := range has {
		if is {
			set |= 1 << l
		}
	}
	return set
}

// fewest leaves out days that the others cover.
func fewest(start, end month, covers func(start, end month) bool) (month, month) {
	for _, side := range []*month{&end, &start} {
		for day := 31; day > 0; day-- {
			week := side[day]
			side[day] = 0
			if !covers(start, end) {
				side[day] = week
			}
		}
	}
	return start, end
}

// dates writes a month as few products of days of the week and days of the month.
func (m *month) dates(longest int, months uint16, fromEnd bool) (all []dates) {
	for day := 1; day <= longest; day++ {
		if m[day] == 0 {
			continue
		}
		d := dates{week: m[day], months: months, fromEnd: fromEnd}
		for other := 1; other <= longest; other++ {
			if m[other]&d.week == d.week {
				d.days |= 1 << other
			}
		}
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b dates) int { return cmp.Compare(b.size(), a.size()) })
	var covered month
	few := all[:0]
	for _, d := range all {
		more := uint32(0)
		for days := d.days; days != 0; days &= days - 1 {
			day := bits.TrailingZeros32(days)
			if d.week&^covered[day] != 0 {
				more |= 1 << day
			}
			covered[day] |= d.week
		}
		if bits.OnesCount32(d.days) == longest {
			d.days, d.fromEnd = anyDate, false
		} else {
			d.days = more
		}
		if more != 0 {
			few = append(few, d)
		}
	}
	return few
}

func (d *dates) size() int { return bits.OnesCount8(d.week) * bits.OnesCount32(d.days) }

// everyDay reports whether these are all days.
func (d *dates) everyDay() bool {
	return d.week == anyWeekday && d.days == anyDate && d.months == anyMonth
}

// shifted returns days so that none of the given, moved on by some days, is missing.
func (d dates) shifted(by int) (dates, bool) {
	if by == 0 || d.everyDay() {
		return d, true
	}
	by = (by%weekdays + weekdays) % weekdays
	moved := dates{week: (d.week<<by | d.week>>(weekdays-by)) & anyWeekday, days: anyDate, months: anyMonth}
	return moved, d.days == anyDate && d.months == anyMonth
}
