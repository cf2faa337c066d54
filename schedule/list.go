package schedule

import (
	"slices"
	"strconv"
	"strings"
)

// list is what a field says: its items.
type list struct {
	items   []item
	values  uint64 // of all items but the special ones, as bits
	star    bool   // it begins with "*"
	ranges  bool   // there are some
	special bool   // some days depend on the month
}

// item is a value, a range or all values ("*"), the latter two perhaps with a step; or a
// special.
type item struct {
	low, high, step int
	star, single    bool
	special         special
}

func (l *list) add(it item) {
	l.items = append(l.items, it)
	if it.special.kind != noSpecial {
		l.special = true
		return
	}
	l.ranges = l.ranges || !it.single
	for v := it.low; v <= it.high; v += it.step {
		l.values |= 1 << v
	}
}

// has reports whether there are specials of these kinds.
func (l *list) has(kinds ...kind) bool {
	return slices.ContainsFunc(l.items, func(it item) bool { return slices.Contains(kinds, it.special.kind) })
}

// daysOfMonth returns the days of a month that the list has, read as days of the month.
func (l *list) daysOfMonth(m shape) uint32 {
	return uint32(l.values) | l.specials(m)
}

// daysOfWeek returns the same for a list of days of the week.
func (l *list) daysOfWeek(m shape) uint32 {
	const everySeventh = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35
	week := (l.values | l.values>>weekdays) & (1<<weekdays - 1) // 7 is Sunday too
	return uint32(week*everySeventh>>m.first)<<1 | l.specials(m)
}

func (l *list) specials(m shape) (days uint32) {
	if l.special {
		for _, it := range l.items {
			days |= it.special.days(m)
		}
	}
	return days
}

// String writes the list in plain numbers. It has no special items.
func (l *list) String() string {
	if len(l.items) == 1 {
		return l.items[0].String()
	}
	words := make([]string, len(l.items))
	for i, it := range l.items {
		words[i] = it.String()
	}
	return strings.Join(words, ",")
}

// String writes the item in plain numbers.
func (it item) String() string {
	s := strconv.Itoa(it.low)
	switch {
	case it.star:
		s = "*"
	case it.single:
		return s
	default:
		s += "-" + strconv.Itoa(it.high)
	}
	if it.step > 1 {
		s += "/" + strconv.Itoa(it.step)
	}
	return s
}
