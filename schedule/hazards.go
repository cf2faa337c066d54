package schedule

import "time"

// What a change of the clock does to a run.
const (
	HazardMoved = "moved" // its time does not come that day, so it runs right after the change
	HazardLost  = "lost"  // its time does not come that day, and it does not run
	HazardOnce  = "once"  // its time comes twice that day, and it runs the first time
	HazardTwice = "twice" // its time comes twice that day, and so does the run
)

// Hazard is a run that a change of the clock touches: one that the schedulers of this
// world treat in different ways, and people seldom have in mind.
type Hazard struct {
	Kind  string    `json:"kind"`
	Local string    `json:"local"` // the run's time as the schedule says it: 2026-03-29T02:30
	At    time.Time `json:"at"`    // when it runs, in the set's zone; for HazardLost, when the clock changes
}

// everyHour is the hour field of a schedule that follows the clock through any change.
const everyHour = 1<<24 - 1

// Hazards returns the runs that changes of the clock touch, from one instant to before
// another, by the instant of the change and then by time. A wildcard schedule of every
// hour has none: it runs as often as there are hours.
func (s *Set) Hazards(from, until time.Time) []Hazard {
	var found []Hazard
	for at := s.zone.at(from.Unix()); at.end < until.Unix(); {
		next := s.zone.at(at.end)
		for _, sched := range s.schedules {
			if next.offset != at.offset && (sched.fixed || sched.hours != everyHour) {
				found = append(found, sched.hazards(at, next, s.zone.location)...)
			}
		}
		at = next
	}
	return found
}

// touched reports whether any change of the clock that is known touches a run.
func (s *Set) touched(since int64) bool {
	for at := s.zone.at(since); at.end < tableTo; {
		next := s.zone.at(at.end)
		from, to := next.start+min(at.offset, next.offset), next.start+max(at.offset, next.offset)
		for _, sched := range s.schedules {
			if first := sched.next(-floorDiv(-from, 60)); (sched.fixed || sched.hours != everyHour) && first != never && first*60 < to {
				return true
			}
		}
		at = next
	}
	return false
}

// hazards returns the runs at local times that the change from one span to the next skips
// or repeats.
func (s *Schedule) hazards(before, after span, in *time.Location) (found []Hazard) {
	from, to := after.start+before.offset, after.start+after.offset
	kind := HazardLost
	switch correction := after.owed == after.start+after.offset; {
	case from > to:
		from, to = to, from
		if kind = HazardTwice; s.fixed && !correction {
			kind = HazardOnce
		}
	case s.fixed && !correction:
		kind = HazardMoved
	}
	for m := s.next(-floorDiv(-from, 60)); m != never && m*60 < to; m = s.next(m + 1) {
		at := after.start
		if kind == HazardOnce || kind == HazardTwice {
			at = m*60 - before.offset
		}
		found = append(found, Hazard{Kind: kind, Local: time.Unix(m*60, 0).UTC().Format("2006-01-02T15:04"), At: time.Unix(at, 0).In(in)})
	}
	return found
}
