package schedule

import (
	"time"

	"crontopus.dev/crontopus"
)

// MaxExpressions is how many expressions a Set may have.
const MaxExpressions = 16

// Set is the union of a job's expressions in one time zone. It is immutable; any number
// of goroutines may use it.
type Set struct {
	schedules []*Schedule // that run at times
	reboot    bool
	timezone  string
	zone      *zone
}

// Of compiles a job's schedule. The time zone must not be crontopus.TimezoneHost any more:
// see Job.InZone.
func Of(job *crontopus.Job) (*Set, error) {
	return New(job.Spec.Schedule, job.Spec.Timezone, job.Name().String())
}

// New compiles expressions. The seed is the job's namespace/name, which decides about H.
// An error has the code invalid.
func New(exprs []string, timezone, seed string) (*Set, error) {
	if len(exprs) == 0 {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "there is no schedule").
			WithHint("write a cron expression, such as \"30 2 * * *\"")
	}
	if len(exprs) > MaxExpressions {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "there are %d schedules, and a job has at most %d", len(exprs), MaxExpressions).
			WithHint("join some with lists, such as 0,30, or make several jobs")
	}
	z, err := loadZone(timezone)
	if err != nil {
		return nil, err
	}
	set := &Set{timezone: timezone, zone: z}
	for _, expr := range exprs {
		s, err := Parse(expr, seed)
		if err != nil {
			return nil, err
		}
		if s.reboot {
			set.reboot = true
		} else {
			set.schedules = append(set.schedules, s)
		}
	}
	return set, nil
}

// Reboot reports whether the job also runs when its host starts (@reboot).
func (s *Set) Reboot() bool { return s.reboot }

// Next returns the first run strictly after an instant, in the set's time zone. There is
// none for @reboot alone, and none after the year 9999.
func (s *Set) Next(after time.Time) (time.Time, bool) {
	from := min(after.Unix(), lastSecond) + 1
	first := never
	for _, sched := range s.schedules {
		if t := sched.nextIn(s.zone, from); t != never && (first == never || t < first) {
			first = t
		}
	}
	if first == never {
		return time.Time{}, false
	}
	return time.Unix(first, 0).In(s.zone.location), true
}

// Prev returns the last run at or before an instant, in the set's time zone. There is none
// for @reboot alone, and none before the year 1.
func (s *Set) Prev(at time.Time) (time.Time, bool) {
	last := never
	for _, sched := range s.schedules {
		last = max(last, sched.prevIn(s.zone, at.Unix()))
	}
	if last == never {
		return time.Time{}, false
	}
	return time.Unix(last, 0).In(s.zone.location), true
}

const (
	firstSecond = firstMinute * 60
	lastSecond  = lastMinute*60 + 59

	// reach is more than any offset and any change of one: further than this from a change,
	// every local time comes once, and an instant is this close to its local time.
	reach = 48 * 60 * 60
)

// nextIn returns the first instant at or after u at which the schedule is due in a zone.
func (s *Schedule) nextIn(z *zone, u int64) int64 {
	u = max(u, firstSecond)
	for u <= lastSecond {
		in := z.at(u)
		from := u + in.offset
		if s.fixed {
			if from = max(from, in.owed); u == in.start {
				from = in.owed // what the gap swallowed runs right after it
			}
		}
		minute := s.next(-floorDiv(-from, 60))
		if minute == never {
			return never
		}
		local := minute * 60
		if local < in.end+in.offset {
			return max(local-in.offset, in.start)
		}
		u = in.end
		if from < in.end+in.offset-reach { // nothing matches before, so skip the spans between
			if there := z.at(local - in.offset); there.holds(local) {
				return local - there.offset
			}
			u = max(u, local-reach)
		}
	}
	return never
}

// prevIn returns the last instant at or before u at which the schedule is due in a zone.
func (s *Schedule) prevIn(z *zone, u int64) int64 {
	u = min(u, lastSecond)
	for u >= firstSecond {
		in := z.at(u)
		upTo := u + in.offset
		first := in.start + in.offset
		if s.fixed {
			first = in.owed
		}
		minute := s.prev(floorDiv(upTo, 60))
		if minute == never {
			return never
		}
		local := minute * 60
		if local >= first {
			return max(local-in.offset, in.start)
		}
		u = in.start - 1
		if upTo > in.start+in.offset+reach {
			if there := z.at(local - in.offset); there.holds(local) {
				return local - there.offset
			}
			u = min(u, local+reach)
		}
	}
	return never
}

// holds reports whether a local time comes in the span, further than reach from its ends.
func (s *span) holds(local int64) bool {
	return local >= s.start+s.offset+reach && local < s.end+s.offset-reach
}
