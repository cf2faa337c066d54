package schedule

import (
	"math/bits"
	"regexp"
	"strconv"
	"strings"
)

// What Vixie's cron has not: days that are known by their place in the month.
type special struct {
	kind kind
	day  uint // of the month or of the week
	nth  uint // days before the last, or the how-manieth of its kind
}

type kind uint8

const (
	noSpecial   kind = iota
	beforeLast       // L, L-3
	nearest          // 15W: the working day next to the 15th
	nearestLast      // LW
	lastWeekday      // 5L, friL
	nthWeekday       // 5#3, fri#3
)

const (
	maxBefore = 30 // L-30 is the 1st of a long month
	maxNth    = 5
)

// days returns the item's day in a month as a bit, none where the month has no such day.
func (s special) days(m shape) uint32 {
	switch s.kind {
	case beforeLast:
		if s.nth < m.length {
			return 1 << (m.length - s.nth)
		}
	case nearest:
		if s.day <= m.length {
			return 1 << m.nearest(s.day)
		}
	case nearestLast:
		return 1 << m.nearest(m.length)
	case lastWeekday:
		return 1 << (bits.Len32(m.weekday(s.day)) - 1)
	case nthWeekday:
		const week = 1<<weekdays - 1
		return m.weekday(s.day) & (week << (1 + weekdays*(s.nth-1)))
	}
	return 0
}

// nearest returns the day from Monday to Friday that is next to a day, in the same month.
func (m shape) nearest(day uint) uint {
	switch (m.first + day - 1) % weekdays {
	case 6: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 0:
		if day == m.length {
			return day - 2
		}
		return day + 1
	}
	return day
}

// special reads an item such as L, L-3, 15W, LW, friL or 5#3. It returns false for every
// other text, also where that makes no sense.
func (f *field) special(text string) (s special, ok bool, err error) {
	switch f {
	case &fields[domField]:
		s, ok = f.specialOfMonth(strings.ToUpper(text))
		if !ok {
			return s, false, nil
		}
		switch {
		case s.kind == nearest && (s.day < 1 || s.day > 31):
			err = f.invalid(text, "is out of range").WithHint("write 1W to 31W, or LW for the last working day of the month")
		case s.kind == beforeLast && s.nth > maxBefore:
			err = f.invalid(text, "is out of range").WithHint("write L-1 to L-%d, or L for the last day itself", maxBefore)
		}
	case &fields[dowField]:
		return f.specialOfWeek(text)
	}
	return s, ok, err
}

func (f *field) specialOfMonth(text string) (special, bool) {
	if before, found := strings.CutPrefix(text, "L-"); found && digits(before) {
		if n := number(before); n > 0 {
			return special{kind: beforeLast, nth: n}, true
		}
		return special{kind: beforeLast, nth: maxBefore + 1}, true // L-0 is not said
	}
	day, working := strings.CutSuffix(text, "W")
	switch {
	case text == "L":
		return special{kind: beforeLast}, true
	case text == "LW":
		return special{kind: nearestLast}, true
	case working && digits(day):
		return special{kind: nearest, day: number(day)}, true
	}
	return special{}, false
}

func (f *field) specialOfWeek(text string) (s special, ok bool, err error) {
	day, nth, counted := strings.Cut(text, "#")
	if !counted {
		if day = strings.TrimRight(text, "lL"); len(day) != len(text)-1 {
			return s, false, nil
		}
	}
	if !f.named(day) && !digits(day) {
		return s, false, nil
	}
	value, err := f.value(day, text)
	if err != nil {
		return s, true, err
	}
	s = special{kind: lastWeekday, day: uint(value) % weekdays}
	if counted {
		s.kind, s.nth = nthWeekday, maxNth+1
		if digits(nth) {
			s.nth = number(nth)
		}
		if s.nth < 1 || s.nth > maxNth {
			return s, true, f.invalid(text, "does not count from 1 to %d", maxNth).
				WithHint("write %s#1 to %s#%d, or %sL for the last one of the month", day, day, maxNth, day)
		}
	}
	return s, true, nil
}

// number reads digits; more than any field's are as good as 1000.
func number(s string) uint {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 1000
	}
	return uint(n)
}

// What is written with an extension and means nothing, field by field. The first form that
// fits is told; they are compiled only where something is wrong.
type misuse struct{ form, message, hint string }

var (
	misusedInMonth = []misuse{
		{`W.*/|L.*/`, "has a step, and such a day comes once a month", "leave the step out"},
		{`^[0-9]+-[0-9]+W$`, "has W with a range, and W takes one day", "write each day with its own W, such as 1W,15W"},
		{`-LW?$`, "is a range up to L", "write 31 for its end: shorter months simply end sooner"},
		{`^(W|W[0-9]+|WL)$`, "does not say which day is meant", "write 15W for the working day nearest to the 15th, or LW for the last one"},
		{`^L-[0-9]+W$`, "has both L-n and W", "write LW for the last working day, or L-3 for a day before the last"},
		{`#`, "uses #, which belongs to the day of week", "write it in the fifth field, such as 0 0 * * fri#2"},
		{`^([0-9]+|sun|mon|tue|wed|thu|fri|sat)L$`, "uses L as the day of week does", "write L-3 for three days before the last, or friL in the fifth field for the last Friday"},
	}
	misusedInWeek = []misuse{
		{`[L#].*/`, "has a step, and such a day comes once a month", "leave the step out"},
		{`^[0-9a-z]+-[0-9a-z]+(L|#[0-9]*)$`, "has a range, and L and # take one day", "name each day, such as mon#1,tue#1"},
		{`^L$`, "does not say the last of which day", "write friL for the last Friday of the month, or sat for every Saturday"},
		{`^(L|L-[0-9]+)$`, "uses L as the day of month does", "write it in the third field, such as 0 0 L-3 * *"},
		{`^(L|[0-9]+|[a-z]{3})W$`, "uses W, which belongs to the day of month", "write it in the third field, such as 0 0 15W * *"},
		{`^#[0-9]*$`, "does not say which day is counted", "write fri#2 for the second Friday of the month"},
	}
	misusedElsewhere = []misuse{
		{`^(L(-[0-9]+)?|[0-9]+L)$`, "uses L, which belongs to the day fields", ""},
		{`^(L|[0-9]+)W$`, "uses W, which belongs to the day of month", ""},
		{`^[0-9a-z]+#[0-9]*$`, "uses #, which belongs to the day of week", ""},
	}
)

// misused returns an error where an item's text is an extension in the wrong place.
func (f *field) misused(text string) error {
	table := misusedElsewhere
	switch f {
	case &fields[domField]:
		table = misusedInMonth
	case &fields[dowField]:
		table = misusedInWeek
	}
	for _, m := range table {
		if matched, _ := regexp.MatchString("(?i)"+m.form, text); matched {
			hint := m.hint
			if hint == "" {
				hint = "write " + f.domain()
			}
			return f.invalid(text, "%s", m.message).WithHint("%s", hint)
		}
	}
	return nil
}
