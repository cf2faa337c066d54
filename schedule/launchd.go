package schedule

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// maxIntervals bounds how many dictionaries a property list has for one schedule. Each has
// one value of a field, so they multiply.
const maxIntervals = 500

// Launchd returns the lines of a launchd property list that start the set on a host in the
// named zone, "" where it is not known, from an instant on. Gated is true where they come at
// other times, too, which means that whatever launchd starts must ask Prev whether a run is
// due.
//
// launchd knows the host's own time only, and nobody promises what it does when the clock
// changes: what a change touches is asked for every hour.
func (s *Set) Launchd(hostZone string, from time.Time) (lines []string, gated bool) {
	var all []interval
	add := func(some []interval, exact bool) {
		all, gated = append(all, some...), gated || !exact
	}
	switch {
	case len(s.schedules) == 0:
	case s.runsIn(hostZone) && !s.touched(max(from.Unix(), tableFrom)):
		for _, sched := range s.schedules {
			add(sched.intervals())
		}
	default:
		for _, minute := range values(s.minutesOfHour(hostZone), 1<<60-1) {
			add([]interval{{minute, unsaid, unsaid, unsaid, unsaid}}, false)
		}
	}
	if all != nil {
		lines = append(lines, "<key>StartCalendarInterval</key>", "<array>")
		said := map[interval]bool{}
		for _, i := range all {
			if !said[i] {
				lines = append(lines, "  "+i.String())
			}
			said[i] = true
		}
		lines = append(lines, "</array>")
	}
	if s.reboot {
		lines = append(lines, "<key>RunAtLoad</key>", "<true/>")
	}
	return lines, gated
}

// interval is a dictionary of StartCalendarInterval.
type interval struct {
	minute, hour, day, weekday, month int
}

const unsaid = -1 // no value, which stands for all of them

// String writes the dictionary as XML.
func (i interval) String() string {
	var b strings.Builder
	for _, v := range []struct {
		name  string
		value int
	}{{"Month", i.month}, {"Day", i.day}, {"Weekday", i.weekday}, {"Hour", i.hour}, {"Minute", i.minute}} {
		if v.value != unsaid {
			fmt.Fprintf(&b, "<key>%s</key><integer>%d</integer>", v.name, v.value)
		}
	}
	return "<dict>" + b.String() + "</dict>"
}

// intervals returns the dictionaries of a schedule. Where they are too many, months go first,
// then days, then hours.
func (s *Schedule) intervals() (all []interval, exact bool) {
	days, exact := s.dates()
	for i := range days {
		exact = days[i].oneField() && exact
	}
	hours := values(uint64(s.hours), everyHour)
	minutes := values(s.minutes, 1<<60-1)
	for _, loosen := range []func(){
		func() {},
		func() {
			for i := range days {
				days[i].months = anyMonth
			}
		},
		func() { days = []dates{{anyWeekday, anyDate, false, anyMonth}} },
		func() { hours = []int{unsaid} },
	} {
		loosen()
		if all = product(days, hours, minutes); len(all) <= maxIntervals {
			return all, exact
		}
		exact = false
	}
	return []interval{{unsaid, unsaid, unsaid, unsaid, unsaid}}, false
}

func product(days []dates, hours, minutes []int) (all []interval) {
	for _, d := range days {
		for _, month := range values(uint64(d.months), anyMonth) {
			for _, day := range values(uint64(d.days), anyDate) {
				for _, weekday := range values(uint64(d.week), anyWeekday) {
					for _, hour := range hours {
						for _, minute := range minutes {
							all = append(all, interval{minute, hour, day, weekday, month})
						}
					}
				}
			}
		}
	}
	return all
}

// values lists values, and unsaid where they are all of them.
func values(set, all uint64) (list []int) {
	if set == all {
		return []int{unsaid}
	}
	for ; set != 0; set &= set - 1 {
		list = append(list, bits.TrailingZeros64(set))
	}
	return list
}

// oneField widens days until they are told by days of the month or by days of the week alone,
// whichever are fewer; where both are said, launchd takes either. It reports whether they are
// the same days.
func (d *dates) oneField() bool {
	switch {
	case d.fromEnd && d.week == anyWeekday && bits.OnesCount32(d.days) < 28:
		last := bits.Len32(d.days) - 1 // the furthest from the end
		first := bits.TrailingZeros32(d.days)
		d.fromEnd, d.days = false, 0
		for day := max(shortest-last+1, 1); day <= 31-first+1; day++ {
			d.days |= 1 << day
		}
		return false
	case d.days == anyDate:
		return true
	case d.week == anyWeekday && !d.fromEnd:
		return true
	case d.fromEnd || bits.OnesCount8(d.week)*30 < bits.OnesCount32(d.days)*weekdays:
		d.days, d.fromEnd = anyDate, false
	default:
		d.week = anyWeekday
	}
	return false
}
