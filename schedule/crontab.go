package schedule

import (
	"math/bits"
	"slices"
	"strings"
)

// everyMinute is the line where no minute can be left out.
const everyMinute = "* * * * *"

// Crontab returns the time fields of the set's lines in Debian's crontab on a host in the
// named zone, "" where it is not known. Debian's cron has no zones but its own: where that
// is not the set's, there is one line for every hour of every day, with the minutes at which
// runs can fall there. Nor does it know L, W and #: such a line has every day that they can
// mean. Either way gated is true, which means that whatever cron starts must ask Prev whether
// a run is due.
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
		lines, gated = append(lines, s.everyHour(hostZone)), true
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

// everyHour returns a line that comes, among others, whenever the set does, on a host in
// another zone. It has every hour and begins that field with a "*", because then no change of
// the host's clock keeps cron from it.
func (s *Set) everyHour(hostZone string) string {
	minutes := s.minutesOfHour(hostZone)
	if minutes == 1<<60-1 {
		return everyMinute
	}
	var l list
	l.addBits(minutes)
	return l.String() + " * * * *"
}

// minutesOfHour returns the minutes at which runs can fall on a host in the named zone.
func (s *Set) minutesOfHour(hostZone string) (minutes uint64) {
	host, err := loadZone(hostZone)
	if err != nil {
		return 1<<60 - 1
	}
	theirs, whole := s.zone.minuteOffsets()
	ours, too := host.minuteOffsets()
	if !whole || !too {
		return 1<<60 - 1
	}
	for _, sched := range s.schedules {
		for _, from := range theirs {
			for _, to := range ours {
				minutes |= turn(sched.minutes, to-from)
			}
		}
		if sched.fixed {
			minutes |= s.zone.gapEnds(host)
		}
	}
	return minutes
}

// turn moves minutes of the hour on by some, forwards or back.
func turn(minutes uint64, by int64) uint64 {
	by = (by%60 + 60) % 60
	return (minutes<<by | minutes>>(60-by)) & (1<<60 - 1)
}

// minuteOffsets returns by how many minutes the zone has ever been off the full hour, and
// false where it was not by whole minutes.
func (z *zone) minuteOffsets() (offsets []int64, whole bool) {
	for _, s := range z.spans {
		if s.offset%60 != 0 {
			return nil, false
		}
		if m := s.offset / 60 % 60; !slices.Contains(offsets, m) {
			offsets = append(offsets, m)
		}
	}
	return offsets, true
}

// gapEnds returns the minutes of a host's hour at which the zone's clocks have jumped: what
// they swallowed runs there.
func (z *zone) gapEnds(host *zone) (minutes uint64) {
	for _, s := range z.spans {
		if s.owed < s.start+s.offset && s.owed > -forever {
			minutes |= 1 << ((floorDiv(s.start+host.at(s.start).offset, 60)%60 + 60) % 60)
		}
	}
	return minutes
}

// line returns the time fields of a crontab line that comes on all days of the schedule,
// and on as few others as one line can say; exact means on no others.
func (s *Schedule) line(lists *[len(fields)]list) (line string, exact bool) {
	dom, dow := &lists[domField], &lists[dowField]
	if !dom.special && !dow.special {
		return join(lists, dom, dow), true
	}
	everyDay := !dom.special && dom.String() == "*"
	dom = dom.widen(func(sp special) (days uint32) {
		for m := range each(s.months) {
			days |= sp.days(m)
		}
		return days
	})
	dow = dow.widen(func(sp special) uint32 { return 1 << sp.day })
	if everyDay { // the days of the month may be fewer: 1#5 is not before the 29th
		byMonth, any := &list{}, &list{star: true}
		byMonth.addBits(uint64(s.anyDay()))
		any.add(item{high: 6, step: 1, star: true})
		if s.count(combine(byMonth, any)) < s.count(combine(dom, dow)) {
			dom, dow = byMonth, any
		}
	}
	return join(lists, dom, dow), s.count(combine(dom, dow)) == s.count(s.days)
}

func join(lists *[len(fields)]list, dom, dow *list) string {
	return strings.Join([]string{lists[minuteField].String(), lists[hourField].String(), dom.String(), lists[monthField].String(), dow.String()}, " ")
}

// widen replaces what depends on the month by all that it can be.
func (l *list) widen(all func(special) uint32) *list {
	wide := &list{star: l.star}
	for _, it := range l.items {
		if it.special.kind == noSpecial {
			wide.add(it)
		} else {
			wide.addBits(uint64(all(it.special)))
		}
	}
	if wide.items == nil { // none of these days comes, so the other field decides alone
		wide.star = true
		wide.add(item{low: 1, high: 31, step: 1, star: true})
	}
	return wide
}

// addBits adds values as ranges.
func (l *list) addBits(values uint64) {
	for values != 0 {
		low := bits.TrailingZeros64(values)
		high := low + bits.TrailingZeros64(^(values >> low)) - 1
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
