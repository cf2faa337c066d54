package lint

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// The calendar that rules look at: fixed, so that a manifest gets the same findings on
// every day. Its years have all the days that a week can begin a month with but a few,
// and a change of the clock in each half.
var (
	calendarFrom  = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	calendarUntil = calendarFrom.AddDate(1, 0, 0)
)

// times returns when the job runs, or nil where only its host knows.
func (m *manifest) times() *schedule.Set { return times(m.job) }

func times(job *crontopus.Job) *schedule.Set {
	if job.Spec.Timezone == crontopus.TimezoneHost {
		return nil
	}
	set, err := schedule.Of(job)
	if err != nil {
		return nil // a manifest that gets here is valid
	}
	return set
}

func (m *manifest) schedulePointer(i int) string {
	if len(m.job.Spec.Schedule) == 1 {
		return "/spec/schedule"
	}
	return "/spec/schedule/" + strconv.Itoa(i)
}

func twoDayFields(m *manifest) {
	for i, expr := range m.job.Spec.Schedule {
		fields := strings.Fields(expr)
		if len(fields) != 5 || fields[2] == "*" || fields[4] == "*" {
			continue
		}
		if strings.HasPrefix(fields[2], "*") || strings.HasPrefix(fields[4], "*") {
			m.warn(m.schedulePointer(i), "write the days out in one of the two fields",
				"%q runs on days that match both day fields, because one begins with *", expr)
			continue
		}
		m.warn(m.schedulePointer(i), "use one of the two fields, two expressions, or the form 5#2 for the second Friday",
			"%q runs on days that match either day field, not both", expr)
	}
}

// hazardWords say what happens to a run.
var hazardWords = map[string]string{
	schedule.HazardMoved: "does not exist on %s, and the job runs right after the change of the clock",
	schedule.HazardLost:  "does not exist on %s, and the job does not run then",
	schedule.HazardOnce:  "comes twice on %s; the job runs the first time, and other schedulers may run it twice",
	schedule.HazardTwice: "comes twice on %s, and the job runs twice",
}

func dstHazard(m *manifest) {
	set := m.times()
	if set == nil {
		return
	}
	hazards := set.Hazards(calendarFrom, calendarUntil)
	if len(hazards) == 0 {
		return
	}
	first := hazards[0]
	day, clock, _ := strings.Cut(first.Local, "T")
	m.warn("/spec/schedule", "choose a time that every day has once, or UTC",
		"%s in %s "+hazardWords[first.Kind], clock, m.job.Spec.Timezone, day)
}

// overlappingRuns looks at the first runs only: a schedule's shortest gap comes early.
func overlappingRuns(m *manifest) {
	run := &m.job.Spec.Run
	set := m.times()
	if set == nil || run.Concurrency != crontopus.ConcurrencyAllow || run.Timeout == 0 {
		return
	}
	const looked = 300
	at, ok := set.Next(calendarFrom)
	for range looked {
		next, more := set.Next(at)
		if !ok || !more {
			return
		}
		if gap := next.Sub(at); gap < time.Duration(run.Timeout) {
			m.warn("/spec/run/timeout", "use concurrency forbid, or a shorter timeout",
				"runs come every %s and may take %s each, beside one another", short(gap), run.Timeout)
			return
		}
		at = next
	}
}

func short(d time.Duration) string { return fmt.Sprint(crontopus.Duration(d)) }
