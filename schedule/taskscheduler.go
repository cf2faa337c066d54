package schedule

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// maxTriggers is how many triggers a task of Windows has.
const maxTriggers = 48

// TaskScheduler returns the triggers of a Windows task, as lines of its XML, that start the set
// on a host in the named zone, "" where it is not known, from an instant on. Gated is true
// where they come at other times, too, which means that whatever Windows starts must ask Prev
// whether a run is due.
//
// A trigger has the host's own time or UTC. The host's serves where that is the set's and no
// change of its clock touches a run; elsewhere the triggers are those of UTC at all offsets
// that the set's zone has.
func (s *Set) TaskScheduler(hostZone string, from time.Time) (lines []string, gated bool) {
	since := max(from.Unix(), tableFrom)
	local := s.runsIn(hostZone) && !s.touched(since)
	steady := s.zone.at(since).end >= tableTo
	var all []trigger
	exact := true
	for _, sched := range s.schedules {
		some, fits := sched.utcTriggers(s.zone, since)
		if local && (steady || sched.hours != everyHour) {
			if own, same := sched.localTriggers(steady); (same || !fits) && len(own) <= maxTriggers {
				some, fits = own, same
			}
		}
		all, exact = append(all, some...), exact && fits
	}
	most := maxTriggers
	if s.reboot {
		most--
	}
	if len(all) > most {
		all, exact = s.oneTrigger(since), false
	}
	for i, t := range all {
		if !slices.Contains(all[:i], t) {
			lines = append(lines, t.xml()...)
		}
	}
	if s.reboot {
		lines = append(lines, "<BootTrigger/>")
	}
	return lines, !exact
}

// trigger starts a task at a time of some days, and again every step until a last time.
type trigger struct {
	dates
	start, last, step int // minutes of the day; step 0: once
	utc               bool
}

// localTriggers returns triggers in the schedule's own time. Repetitions go by how much time
// has passed, not by the clock, so they end within the hour where clocks change.
func (s *Schedule) localTriggers(steady bool) (all []trigger, exact bool) {
	days, exact := s.dates()
	for i := range days {
		exact = days[i].asTrigger() && exact
	}
	var times timesOfDay
	times.add(s.hours, s.minutes, 0)
	return triggers(days, times.repeated(steady), false), exact
}

// utcTriggers returns triggers in UTC that come, among others, whenever the schedule does from
// an instant on.
func (s *Schedule) utcTriggers(z *zone, from int64) (all []trigger, exact bool) {
	days, exact := s.dates()
	offsets := []int64{}
	var caughtUp []int64 // minutes of the day at which gaps end
	for in := z.at(from); ; in = z.at(in.end) {
		if !slices.Contains(offsets, in.offset) {
			offsets = append(offsets, in.offset)
		}
		if minute := floorDiv(in.start, 60) % minutesPerDay; in.start > from && s.fixed && in.owed < in.start+in.offset && !slices.Contains(caughtUp, minute) {
			caughtUp = append(caughtUp, minute)
		}
		if in.end >= tableTo {
			break
		}
	}
	anyDay := len(days) == 1 && days[0].everyDay()
	if anyDay && s.keepsTimeIn(z, from) {
		offsets, caughtUp = offsets[:1], nil
	} else if len(offsets) > 1 {
		exact = false
	}
	byShift := map[int]*timesOfDay{-1: {}, 0: {}, 1: {}}
	for _, offset := range offsets {
		for by := -1; by <= 1; by++ {
			to := by
			if anyDay { // it does not matter which
				to = 0
			}
			byShift[to].add(s.hours, s.minutes, -int(floorDiv(offset, 60))-by*minutesPerDay)
		}
	}
	for by := -1; by <= 1; by++ {
		if byShift[by].none() {
			continue
		}
		moved := make([]dates, len(days))
		for i := range days {
			var same bool
			moved[i], same = days[i].shifted(by)
			exact = moved[i].asTrigger() && same && exact
		}
		all = append(all, triggers(moved, byShift[by].repeated(true), true)...)
	}
	for _, minute := range caughtUp {
		all = append(all, trigger{dates: dates{anyWeekday, anyDate, false, anyMonth}, start: int(minute), last: int(minute), utc: true})
	}
	return all, exact
}

// oneTrigger returns a trigger that comes, among others, whenever the set does: through each
// day by steps that meet all of its times.
func (s *Set) oneTrigger(from int64) []trigger {
	step := minutesPerDay
	for _, sched := range s.schedules {
		all, _ := sched.utcTriggers(s.zone, from)
		for _, t := range all {
			step = gcd(gcd(step, t.start), t.step)
		}
	}
	return []trigger{{dates: dates{anyWeekday, anyDate, false, anyMonth}, last: minutesPerDay - step, step: step, utc: true}}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func triggers(days []dates, times []trigger, utc bool) (all []trigger) {
	for _, d := range days {
		for _, t := range times {
			t.dates, t.utc = d, utc
			all = append(all, t)
		}
	}
	return all
}

// timesOfDay are minutes of a day.
type timesOfDay [minutesPerDay]bool

// add adds the times of a schedule, moved by some minutes, as far as they stay in the day.
func (t *timesOfDay) add(hours uint32, minutes uint64, by int) {
	for h := hours; h != 0; h &= h - 1 {
		for m := minutes; m != 0; m &= m - 1 {
			if at := bits.TrailingZeros32(h)*60 + bits.TrailingZeros64(m) + by; at >= 0 && at < minutesPerDay {
				t[at] = true
			}
		}
	}
}

func (t *timesOfDay) none() bool { return !slices.Contains(t[:], true) }

// repeated returns triggers of the times: one that repeats through the day where there can be
// one; else one for each time, or where that is more, one for each hour or minute of the hour.
func (t *timesOfDay) repeated(anyLength bool) (all []trigger) {
	var times []int
	for at, is := range t {
		if is {
			times = append(times, at)
		}
	}
	byHour, byMinute := split(times, func(at int) int { return at / 60 }), split(times, func(at int) int { return at % 60 })
	whole := split(times, func(int) int { return 0 })
	single := make([]trigger, len(times))
	for i, at := range times {
		single[i] = trigger{start: at, last: at}
	}
	best := single
	if len(byHour) < len(best) {
		best = byHour
	}
	for _, other := range [][]trigger{byMinute, whole} {
		if anyLength && len(other) < len(best) {
			best = other
		}
	}
	return best
}

// split makes triggers of the times of each part of the day, as few as equal steps allow.
func split(times []int, part func(int) int) (all []trigger) {
	parts := map[int][]int{}
	var order []int
	for _, at := range times {
		if parts[part(at)] == nil {
			order = append(order, part(at))
		}
		parts[part(at)] = append(parts[part(at)], at)
	}
	for _, key := range order {
		for list := parts[key]; len(list) > 0; {
			n := 1
			for n+1 < len(list) && list[n+1]-list[n] == list[1]-list[0] {
				n++
			}
			if n < 2 { // fewer than three make no row
				all, list = append(all, trigger{start: list[0], last: list[0]}), list[1:]
				continue
			}
			all, list = append(all, trigger{start: list[0], last: list[n], step: list[1] - list[0]}), list[n+1:]
		}
	}
	return all
}

// asTrigger widens days until a trigger can say them, and reports whether they are the same.
func (d *dates) asTrigger() bool {
	if from := d.countedFromEnd(); from.weeks() != "" && d.weeks() == "" {
		*d = from
	}
	switch {
	case d.days == anyDate, d.week == anyWeekday && !d.fromEnd, d.fromEnd && d.week == anyWeekday && d.days == 1<<1:
		return true
	case d.weeks() != "":
		return true
	}
	return d.oneField()
}

// countedFromEnd returns the same days, counted from the end of their months where these are
// equally long.
func (d *dates) countedFromEnd() dates {
	length := monthLength(1, uint(bits.TrailingZeros16(d.months)))
	for m := range each(d.months) {
		if m.length != length {
			return *d
		}
	}
	from := *d
	from.days, from.fromEnd = bits.Reverse32(d.days)>>(30-length), !d.fromEnd
	return from
}

// weeks returns which of their kind in the month the days of the week are, "" where triggers
// do not count them.
func (d *dates) weeks() string {
	const week = 1<<(weekdays+1) - 2
	if d.fromEnd {
		if d.days == week {
			return "<Week>Last</Week>"
		}
		return ""
	}
	var b strings.Builder
	rest := d.days
	for n := range 4 {
		if days := uint32(week) << (n * weekdays); rest&days == days {
			fmt.Fprintf(&b, "<Week>%d</Week>", n+1)
			rest &^= days
		}
	}
	if rest != 0 {
		return ""
	}
	return b.String()
}
