package importer

import (
	"sort"
	"time"
)

// original says when a job ran before it was imported. It is a second reading of the text:
// nothing of package schedule is in it.
type original interface {
	// next returns the first run after an instant, both in seconds, or false for none
	// within the years that are looked at.
	next(z *zone, after int64) (int64, bool)

	// leavesOut reports whether nothing is said about the days around a change of the clock.
	leavesOut() bool

	// later says how many seconds after the full minute it ran.
	later() int64
}

// reading is one schedule as tables that are filled by trying every value.
type reading struct {
	months  [13]bool // days of others are not asked about
	day     func(t date) bool
	hours   [24]bool
	minutes [60]bool
	clock   clockRule
	second  int64 // of its minute in which the original ran
}

// date is a day of the calendar.
type date struct {
	year, month, day, weekday int
}

// length is that of the day's month.
func (t date) length() int {
	return time.Date(t.year, time.Month(t.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// clockRule says what a scheduler does when the clock changes.
type clockRule int

const (
	vixieFixed clockRule = iota // a time that is skipped comes right after, one that is repeated comes once
	vixieWild                   // every time that the clock shows
	unproven                    // nobody has written it down: days with a change are left out
)

func (r *reading) leavesOut() bool { return r.clock == unproven }
func (r *reading) later() int64    { return r.second }

const (
	secondsPerDay = 24 * 60 * 60
	lastYear      = 9999
)

// next looks for a run where the offset stays the same day by day, and around its changes
// minute by minute, as cron's main loop goes.
func (r *reading) next(z *zone, after int64) (int64, bool) {
	after = after - mod(after, 60) + 60 // of the next minute
	for {
		w := z.window(after)
		if w.end > z.limit {
			return 0, false
		}
		if w.change != nil {
			if at, ok := r.simulate(w, after); ok {
				return at, true
			}
		} else if at, ok := r.search(after+w.offset, w.end+w.offset); ok {
			return at - w.offset, true
		}
		after = w.end
	}
}

// on reports whether it comes on a day.
func (r *reading) on(t date) bool { return r.months[t.month] && r.day(t) }

// search returns the first matching time in [from, to), both local.
func (r *reading) search(from, to int64) (int64, bool) {
	for day := floorDiv(from, secondsPerDay); day*secondsPerDay < to; day++ {
		t := dateOf(day)
		if !r.months[t.month] {
			day += int64(t.length() - t.day)
			continue
		}
		if !r.day(t) {
			continue
		}
		for hour := range int64(24) {
			begin := day*secondsPerDay + hour*3600
			if !r.hours[hour] || begin+3600 <= from {
				continue
			}
			for minute := range int64(60) {
				at := begin + minute*60
				if at >= to {
					return 0, false
				}
				if r.minutes[minute] && at >= from {
					return at, true
				}
			}
		}
	}
	return 0, false
}

// simulate is cron's main loop from the beginning of a window on.
func (r *reading) simulate(w window, after int64) (int64, bool) {
	wild := r.clock == vixieWild
	due := func(minute int64) bool {
		return r.minutes[mod(minute, 60)] && r.hours[mod(minute, 24*60)/60] && r.on(dateOf(floorDiv(minute, 24*60)))
	}
	virtual := floorDiv(w.start+w.offsetAt(w.start), 60) - 1
	for now := w.start; now < w.end; now += 60 {
		clock, start := floorDiv(now+w.offsetAt(now), 60), false
		switch ahead := clock - virtual; {
		case ahead > 180 || ahead <= -180: // the clock was set
			virtual = clock
			start = due(clock)
		case ahead > 5: // it was put forward: what it skipped is made up for
			start = wild && due(clock)
			for ; virtual < clock; virtual++ {
				start = start || !wild && due(virtual+1)
			}
		case ahead > 0:
			for ; virtual < clock; virtual++ {
				start = start || due(virtual+1)
			}
		default: // it was put back: fixed times have been
			start = wild && due(clock)
		}
		if start && now >= after {
			return now, true
		}
	}
	return 0, false
}

// union is a job of several schedules.
type union []original

func (u union) next(z *zone, after int64) (first int64, found bool) {
	for _, o := range u {
		if at, ok := o.next(z, after); ok && (!found || at < first) {
			first, found = at, true
		}
	}
	return first, found
}

func (u union) leavesOut() bool {
	for _, o := range u {
		if o.leavesOut() {
			return true
		}
	}
	return false
}

func (u union) later() (most int64) {
	for _, o := range u {
		most = max(most, o.later())
	}
	return most
}

// zone is a time zone with the changes of its clock, which are found as they are needed.
type zone struct {
	name     string
	location *time.Location
	changes  []change // in order
	known    int64    // until here
	limit    int64    // nothing is said beyond
}

func newZone(location *time.Location, from int64) *zone {
	end := time.Date(lastYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	return &zone{name: location.String(), location: location, known: from - 400*secondsPerDay, limit: end}
}

func (z *zone) offset(at int64) int64 {
	_, offset := time.Unix(at, 0).In(z.location).Zone()
	return int64(offset)
}

// learn finds the changes until an instant.
func (z *zone) learn(until int64) {
	for z.known < until {
		_, to := time.Unix(z.known, 0).In(z.location).ZoneBounds()
		next := until
		if !to.IsZero() {
			next = min(to.Unix(), until)
		}
		if next <= z.known { // package time ends a stretch with the year, and then forgets a day
			next = z.known + 60*60
		}
		if before, after := z.offset(next-1), z.offset(next); before != after {
			z.changes = append(z.changes, change{next, before, after})
		}
		z.known = next
	}
}

// change is one of the clock.
type change struct{ at, before, after int64 } // an instant and the offsets

// window is a stretch of time around a change, or between changes, where change is nil.
type window struct {
	start, end int64
	change     *change
	offset     int64 // between changes
}

// offsetAt is for an instant in a window with a change.
func (w *window) offsetAt(at int64) int64 {
	if at < w.change.at {
		return w.change.before
	}
	return w.change.after
}

// How far a window reaches before and behind a change: further than cron's loop needs to be
// in step with the clock again.
const (
	windowBefore = 60 * 60
	windowBehind = 5 * 60 * 60
	windowAhead  = 370 * secondsPerDay
)

// window returns the one that an instant is in.
func (z *zone) window(at int64) window {
	z.learn(at + windowAhead + 2*secondsPerDay)
	i := sort.Search(len(z.changes), func(i int) bool { return z.changes[i].at+windowBehind > at })
	if i == len(z.changes) {
		return window{start: at, end: at + windowAhead, offset: z.offset(at)}
	}
	change := &z.changes[i]
	if at < change.at-windowBefore {
		return window{start: at, end: min(change.at-windowBefore, at+windowAhead), offset: change.before}
	}
	return window{start: change.at - windowBefore, end: change.at + windowBehind, change: change}
}

func dateOf(day int64) date {
	t := time.Unix(day*secondsPerDay, 0).UTC()
	year, month, dom := t.Date()
	return date{year: year, month: int(month), day: dom, weekday: int(t.Weekday())}
}

func floorDiv(a, b int64) int64 { return (a - mod(a, b)) / b }
func mod(a, b int64) int64      { return (a%b + b) % b }

// never is what runs at no time of the calendar.
type never struct{}

func (never) next(*zone, int64) (int64, bool) { return 0, false }
func (never) leavesOut() bool                 { return false }
func (never) later() int64                    { return 0 }
