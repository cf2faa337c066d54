package schedule

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Systemd returns the set's lines in the [Timer] section of a systemd unit, for runs from an
// instant on. Gated is true where they come at other times, too, which means that whatever
// systemd starts must ask Prev whether a run is due.
//
// A line names its time zone, so the host's is of no matter. systemd skips what the clock
// skips and takes what comes twice the first time only, so a schedule that does otherwise has
// lines for that, in UTC. Values are written out: systemd reckons wrongly with steps when the
// clock changes.
func (s *Set) Systemd(from time.Time) (lines []string, gated bool) {
	for _, sched := range s.schedules {
		some, exact := sched.onCalendar(s.zone, s.timezone, max(from.Unix(), tableFrom))
		for _, line := range some {
			if line = "OnCalendar=" + line; !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		gated = gated || !exact
	}
	if s.reboot {
		lines = append(lines, "OnBootSec=0")
	}
	return lines, gated
}

func (s *Schedule) onCalendar(z *zone, timezone string, from int64) (lines []string, exact bool) {
	all, exact := s.dates()
	if len(all) == 1 && all[0].everyDay() && s.keepsTimeIn(z, from) {
		timezone = "UTC" // where no clock changes
		return []string{onCalendar(all[0], s.hours, turn(s.minutes, -floorDiv(z.at(from).offset, 60)), timezone)}, true
	}
	for _, d := range all {
		lines = append(lines, onCalendar(d, s.hours, s.minutes, timezone))
	}
	extras, sure := s.extras(z, from)
	for _, e := range extras {
		lines = append(lines, onCalendar(e.dates, e.hours, e.minutes, "UTC"))
		sure = sure && s.hasAll(&e, z, from)
	}
	return lines, exact && sure
}

// keepsTimeIn reports whether the schedule is one of every hour that follows the clock in a
// zone whose clocks change by whole hours: then it comes at the same minutes of UTC.
func (s *Schedule) keepsTimeIn(z *zone, from int64) bool {
	if s.fixed || s.hours != everyHour {
		return false
	}
	first := z.at(from).offset
	for in := z.at(from); in.end < tableTo; in = z.at(in.end) {
		if next := z.at(in.end).offset; (next-first)%3600 != 0 {
			return s.minutes == 1<<60-1
		}
	}
	return first%60 == 0
}

// onCalendar writes a calendar event of systemd.
func onCalendar(d dates, hours uint32, minutes uint64, timezone string) string {
	var b strings.Builder
	if d.week != anyWeekday {
		b.WriteString(shortWeek(d.week) + " ")
	}
	months, days := "*", "-*"
	if d.months != anyMonth {
		months = listed(uint64(d.months))
	}
	if d.days != anyDate {
		days = "-" + listed(uint64(d.days))
		if d.fromEnd {
			days = "~" + days[1:]
		}
	}
	hour, minute := "*", "*"
	if hours != everyHour {
		hour = listed(uint64(hours))
	}
	if minutes != 1<<60-1 {
		minute = listed(minutes)
	}
	fmt.Fprintf(&b, "*-%s%s %s:%s:00 %s", months, days, hour, minute, timezone)
	return b.String()
}

// listed writes values with two digits, one by one.
func listed(values uint64) string {
	var all []string
	for ; values != 0; values &= values - 1 {
		all = append(all, fmt.Sprintf("%02d", bits.TrailingZeros64(values)))
	}
	return strings.Join(all, ",")
}

// shortWeek writes days of the week as systemd does: Mon..Fri.
func shortWeek(week uint8) string {
	if first, last, ok := weekRange(uint64(week)); ok {
		return first[:3] + ".." + last[:3]
	}
	var all []string
	for _, name := range weekdayList(uint64(week)) {
		all = append(all, name[:3])
	}
	return strings.Join(all, ",")
}

// extra are runs that a change of the clock causes, told in UTC.
type extra struct {
	dates
	hours   uint32
	minutes uint64
}

// maxExtras is how many lines tell them; more are told together.
const maxExtras = 4

// extras returns the runs that come neither when a clock in the zone shows a time of the
// schedule for the first time nor at all without a change of that clock: what a gap
// swallowed, and what comes twice. They are not sure where both times are winter or both
// summer: nobody can tell systemd which one is meant.
func (s *Schedule) extras(z *zone, from int64) (found []extra, sure bool) {
	sure = true
	add := func(at int64) {
		minute := floorDiv(at, 60)
		day := floorDiv(minute, minutesPerDay)
		_, month, dom := civil(day)
		i := slices.IndexFunc(found, func(e extra) bool { return e.months == 1<<month })
		if i < 0 {
			i, found = len(found), append(found, extra{dates: dates{months: 1 << month}})
		}
		found[i].merge(extra{dates{week: 1 << weekday(day), days: 1 << dom}, 1 << (minute / 60 % 24), 1 << (minute % 60)})
	}
	for in := z.at(from); in.end < tableTo; {
		next := z.at(in.end)
		if next.offset > in.offset {
			if local := floorDiv(next.start+next.offset, 60); s.nextIn(z, next.start) == next.start && s.next(local) != local {
				add(next.start)
			}
		} else {
			first := next.start
			if time.Unix(first, 0).In(z.location).IsDST() == time.Unix(first-1, 0).In(z.location).IsDST() {
				first, sure = first-(in.offset-next.offset), false
			}
			for at := s.nextIn(z, max(first, from+1)); at != never && at < next.start+in.offset-next.offset; at = s.nextIn(z, at+1) {
				add(at)
			}
		}
		in = next
	}
	if len(found) > maxExtras {
		for _, e := range found[1:] {
			found[0].merge(e)
		}
		found[0].days = anyDate
		found = found[:1]
	}
	slices.SortFunc(found, func(a, b extra) int { return int(a.months) - int(b.months) })
	return found, sure
}

func (e *extra) merge(o extra) {
	e.week |= o.week
	e.days |= o.days
	e.months |= o.months
	e.hours |= o.hours
	e.minutes |= o.minutes
}

// hasAll reports whether all that an extra line comes at are runs.
func (s *Schedule) hasAll(e *extra, z *zone, from int64) bool {
	line := &Schedule{minutes: e.minutes, hours: e.hours, months: e.months, fixed: true}
	for l := range uint(lengths) {
		for first := range uint(weekdays) {
			m := shape{shortest + l, first}
			for day := uint(1); day <= m.length; day++ {
				if e.days>>day&1 != 0 && e.week>>((first+day-1)%weekdays)&1 != 0 {
					line.days[l][first] |= 1 << day
				}
			}
		}
	}
	for minute := line.next(floorDiv(from, 60) + 1); minute != never && minute*60 < tableTo; minute = line.next(minute + 1) {
		if s.prevIn(z, minute*60) != minute*60 {
			return false
		}
	}
	return true
}
