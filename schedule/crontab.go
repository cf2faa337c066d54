package schedule

import (
	"math/bits"
	"slices"
	"strings"
)

// everyMinute is the line of a gated entry.
const everyMinute = "* * * * *"

// Crontab returns the time fields of the set's lines in Debian's crontab on a host in the
// named zone, "" where it is not known. Debian's cron has no zones but its own: where that
// is not the set's, there is one line that fires every minute. Nor does it know L, W and
// #: such a line has every day that they can mean. Either way gated is true, which means
// that whatever cron starts must ask Prev whether a run is due.
//
// The lines are plain numbers, which every cron reads alike, but a "*" that a field begins
// with is kept, for it decides about days and daylight saving.
func (s *Set) Crontab(hostZone string) (lines []string, gated bool) {
	switch {
	case len(s.schedules) == 0:
	case s.runsIn(hostZone):
		for _, sched := range s.schedules {
			if !slices.Contains(lines, sched.crontab) {
				lines = append(lines, sched.crontab)
			}
			gated = gated || !sched.exact
		}
	default:
		lines, gated = append(lines, everyMinute), true
	}
	if s.reboot {
		lines = append(lines, "@reboot")
	}
	return lines, gated
}

// runsIn reports whether the clocks of a host in the named zone are the set's: the same zone,
// or one of the same changes under another name.
func (s *Set) runsIn(hostZone string) bool {
	if hostZone == s.timezone {
		return true
	}
	host, err := loadZone(hostZone)
	return err == nil && slices.Equal(host.spans, s.zone.spans)
}

// line returns the time fields of a crontab line that comes on all days of the schedule,
// and on as few others as one line can say; exact means on no others.
func (s *Schedule) line(lists *[len(fields)]*list) (line string, exact bool) {
	dom, dow := lists[domField], lists[dowField]
	if !dom.isSpecial() && !dow.isSpecial() {
		return join(lists, dom, dow), true
	}
	everyDay := !dom.isSpecial() && dom.String() == "*"
	dom = dom.widen(func(sp special) (days uint32) {
		for m := range each(s.months) {
			days |= sp.days(m)
		}
		return days
	})
	dow = dow.widen(func(sp special) uint32 { return 1 << sp.day })
	if everyDay { // the days of the month may be fewer: 1#5 is not before the 29th
		byMonth, any := &list{}, &list{star: true}
		byMonth.addBits(s.anyDay())
		any.add(item{high: 6, step: 1, star: true})
		if s.count(combine(byMonth, any)) < s.count(combine(dom, dow)) {
			dom, dow = byMonth, any
		}
	}
	return join(lists, dom, dow), s.count(combine(dom, dow)) == s.count(s.days)
}

func join(lists *[len(fields)]*list, dom, dow *list) string {
	return strings.Join([]string{lists[minuteField].String(), lists[hourField].String(), dom.String(), lists[monthField].String(), dow.String()}, " ")
}

// widen replaces what depends on the month by all that it can be.
func (l *list) widen(all func(special) uint32) *list {
	wide := &list{star: l.star}
	for _, it := range l.items {
		if it.special.kind == noSpecial {
			wide.add(it)
		} else {
			wide.addBits(all(it.special))
		}
	}
	if wide.items == nil { // none of these days comes, so the other field decides alone
		wide.star = true
		wide.add(item{low: 1, high: 31, step: 1, star: true})
	}
	return wide
}

// addBits adds values as ranges.
func (l *list) addBits(values uint32) {
	for values != 0 {
		low := bits.TrailingZeros32(values)
		high := low + bits.TrailingZeros32(^(values >> low)) - 1
		l.add(item{low: low, high: high, step: 1, single: low == high})
		values &^= 1<<(high+1) - 1
	}
}

// anyDay returns the days on which the schedule comes in some month.
func (s *Schedule) anyDay() (days uint32) {
	for m := range each(s.months) {
		days |= s.days.of(m)
	}
	return days
}

// count returns on how many days of the schedule's months days match.
func (s *Schedule) count(c monthDays) (n int) {
	for m := range each(s.months) {
		n += bits.OnesCount32(c.of(m))
	}
	return n
}
