package schedule

import (
	"fmt"
	"math/bits"
	"strings"
)

// boundary is the day from which on triggers count: any that is past.
const boundary = "2000-01-01"

// xml writes the trigger in the order that the schema of tasks wants.
func (t *trigger) xml() []string {
	lines := []string{"<CalendarTrigger>"}
	if t.step > 0 {
		// Half a minute more, so that the last time is in it and none after that.
		lines = append(lines, fmt.Sprintf("  <Repetition><Interval>PT%dM</Interval><Duration>PT%dM30S</Duration></Repetition>", t.step, t.last-t.start))
	}
	zone := ""
	if t.utc {
		zone = "Z"
	}
	lines = append(lines, fmt.Sprintf("  <StartBoundary>%sT%s:00%s</StartBoundary>", boundary, clock(t.start/60, t.start%60), zone))
	return append(lines, "  "+t.dates.xml(), "</CalendarTrigger>")
}

func (d *dates) xml() string {
	months := "<Months>" + elements(uint64(d.months), monthNames[:]) + "</Months>"
	week := "<DaysOfWeek>" + elements(uint64(d.week), weekdayNames[:]) + "</DaysOfWeek>"
	switch weeks := d.weeks(); {
	case d.everyDay():
		return "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>"
	case d.days == anyDate && d.months == anyMonth:
		return "<ScheduleByWeek><WeeksInterval>1</WeeksInterval>" + week + "</ScheduleByWeek>"
	case d.week == anyWeekday:
		var days strings.Builder
		for left := d.days; left != 0; left &= left - 1 {
			if d.fromEnd {
				days.WriteString("<Day>Last</Day>")
			} else {
				fmt.Fprintf(&days, "<Day>%d</Day>", bits.TrailingZeros32(left))
			}
		}
		return "<ScheduleByMonth><DaysOfMonth>" + days.String() + "</DaysOfMonth>" + months + "</ScheduleByMonth>"
	default:
		if d.days == anyDate {
			weeks = "<Week>1</Week><Week>2</Week><Week>3</Week><Week>4</Week><Week>Last</Week>"
		}
		return "<ScheduleByMonthDayOfWeek><Weeks>" + weeks + "</Weeks>" + week + months + "</ScheduleByMonthDayOfWeek>"
	}
}

// elements writes the names of values as empty elements.
func elements(values uint64, names []string) string {
	var b strings.Builder
	for ; values != 0; values &= values - 1 {
		b.WriteString("<" + names[bits.TrailingZeros64(values)] + "/>")
	}
	return b.String()
}
