package schedule

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Words says in English when the set runs, without its time zone: "at 02:30 every day".
func (s *Set) Words() string {
	var all []string
	for _, sched := range s.schedules {
		if words := sched.Words(); !slices.Contains(all, words) {
			all = append(all, words)
		}
	}
	if s.reboot {
		all = append(all, rebootWords)
	}
	return strings.Join(all, "; and ")
}

const rebootWords = "when the host starts"

// Words says in English when the schedule runs, exactly: two schedules of the same words run
// at the same times in every zone. How one treats a change of the clock is said by "as fixed
// times" or "following the clock" where it is not what the rest of the sentence suggests.
func (s *Schedule) Words() string {
	if s.reboot {
		return rebootWords
	}
	lists, err := readFields(s.expr, s.seed)
	if err != nil {
		return s.expr // it was compiled from these words, so they can be read again
	}
	clock := clockTimes{minutes: s.minutes, hours: uint64(s.hours), fixed: s.fixed}
	times, usual := clock.words()
	days := dayWords(&lists[domField], &lists[dowField], monthsOf(s.months))
	switch {
	case days == everyDay && s.hours == everyHour:
		days = ""
	case strings.HasPrefix(times, "at ") && !strings.HasPrefix(times, "at minute") && !strings.HasPrefix(times, "at every"):
		days = " " + days
	default:
		days = ", " + days
	}
	switch {
	case s.fixed == usual:
		return times + days
	case s.fixed:
		return times + days + ", as fixed times"
	}
	return times + days + ", following the clock"
}

// clockTimes is the part of a schedule that says when of a day.
type clockTimes struct {
	minutes, hours uint64
	fixed          bool
}

// fewTimes are told one by one.
const fewTimes = 6

// words returns the times, and whether they sound like fixed ones.
func (c *clockTimes) words() (words string, fixed bool) {
	hourly := c.hours == everyHour
	minute, step := bits.TrailingZeros64(c.minutes), stepOf(c.minutes, 60)
	single := bits.OnesCount64(c.minutes) == 1
	hourStep := stepOf(c.hours, 24)
	turning := hourly || step > 0 || hourStep > 0 // as "*" and "*/n" do
	low, high, even := progression(c.hours)
	switch {
	case hourly && c.minutes == 1:
		return "every hour on the hour", false
	case !hourly && bits.OnesCount64(c.minutes)*bits.OnesCount64(c.hours) <= fewTimes && (c.fixed || !turning || single && hourStep == 0):
		return "at " + enumerate(c.each()), true
	case !hourly && single && even > 0:
		return fmt.Sprintf("every %sfrom %s to %s", counted(even, "hour"), clock(low, minute), clock(high, minute)), hourStep == 0
	case !hourly && step > 0 && 60%step == 0 && (even == 1 || low == high):
		return fmt.Sprintf("every %sfrom %s to %s", counted(step, "minute"), clock(low, 0), clock(high, 60-step)), false
	case hourly && step > 0 && 60%step == 0:
		return strings.TrimRight("every "+counted(step, "minute"), " "), false
	}
	hours := "every hour"
	if !hourly {
		hours = numbers("hour", c.hours)
	}
	if step > 0 && 60%step == 0 {
		return "every " + counted(step, "minute") + "in " + hours, false
	}
	return "at " + numbers("minute", c.minutes) + " of " + hours, !turning
}

// each tells every time.
func (c *clockTimes) each() (times []string) {
	for hours := c.hours; hours != 0; hours &= hours - 1 {
		for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
			times = append(times, clock(bits.TrailingZeros64(hours), bits.TrailingZeros64(minutes)))
		}
	}
	return times
}

func clock(hour, minute int) string { return fmt.Sprintf("%02d:%02d", hour, minute) }

// stepOf returns the step of which the values of a field are what "*/step" is, if they are
// at least two, and 0 where they are not.
func stepOf(values uint64, size int) int {
	low, high, step := progression(values)
	if low != 0 || step == 0 || high+step < size {
		return 0
	}
	return step
}

// progression returns the first, the last and the distance of at least two values that are
// equally far apart, and the distance 0 for all others.
func progression(values uint64) (low, high, step int) {
	low, high = bits.TrailingZeros64(values), bits.Len64(values)-1
	n := bits.OnesCount64(values) - 1
	if n < 1 || (high-low)%n != 0 {
		return low, high, 0
	}
	step = (high - low) / n
	for v := low; v <= high; v += step {
		if values>>v&1 == 0 {
			return low, high, 0
		}
	}
	return low, high, step
}

// counted says "2 hours ", or "hour " for one.
func counted(n int, unit string) string {
	if n == 1 {
		return unit + " "
	}
	return fmt.Sprintf("%d %ss ", n, unit)
}

// numbers says values of a field: "minute 5", "minutes 0 to 10, 20 and 30" or "every 7th
// minute from 0 to 56".
func numbers(unit string, values uint64) string {
	low, high, step := progression(values)
	switch {
	case bits.OnesCount64(values) == 1:
		return unit + " " + strconv.Itoa(low)
	case step > 1 && bits.OnesCount64(values) > fewTimes:
		return fmt.Sprintf("every %s %s from %d to %d", ordinal(step), unit, low, high)
	}
	return unit + "s " + enumerate(ranges(values, strconv.Itoa))
}

// ranges tells values, three and more in a row as a range.
func ranges(values uint64, name func(int) string) (parts []string) {
	for values != 0 {
		low := bits.TrailingZeros64(values)
		high := low + bits.TrailingZeros64(^(values >> low)) - 1
		switch high - low {
		case 0:
			parts = append(parts, name(low))
		case 1:
			parts = append(parts, name(low), name(high))
		default:
			parts = append(parts, name(low)+" to "+name(high))
		}
		values &^= 1<<(high+1) - 1
	}
	return parts
}

// enumerate joins with commas and, before the last, "and".
func enumerate(parts []string) string { return joinWith("and", parts) }

func joinWith(word string, parts []string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + " " + word + " " + parts[last]
}

// ordinal says 1st, 2nd, 3rd, 4th.
func ordinal(n int) string {
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
