package schedule_test

import (
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// vixie is the brute-force reference: Debian's cron as its source reads, a minute at a
// time, with the four cases of its main loop. It shares nothing with the package.
type vixie struct {
	match [5][60]bool
	star  [5]bool
	extra [5][]func(time.Time) bool // L, W and #: asked of each day by itself
}

// parseVixie reads five fields by trying every value on every item.
func parseVixie(t rapid.TB, expr string) vixie {
	names := map[string]int{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6,
		"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}
	number := func(s string) int {
		if n, named := names[strings.ToLower(s)]; named {
			return n
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	bounds := [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}
	var v vixie
	for i, list := range strings.Fields(expr) {
		v.star[i] = list[0] == '*'
		for _, item := range strings.Split(list, ",") {
			if i == 2 || i == 4 {
				if special := readSpecial(t, item, number); special != nil {
					v.extra[i] = append(v.extra[i], special)
					continue
				}
			}
			values, step, stepped := strings.Cut(item, "/")
			low, high, ranged := strings.Cut(values, "-")
			from, to, every := bounds[i][0], bounds[i][1], 1
			if values != "*" {
				from = number(low)
				to = from
			}
			if ranged {
				to = number(high)
			}
			if stepped {
				every = number(step)
			}
			for n := from; n <= to; n += every {
				v.match[i][n] = true
			}
		}
	}
	v.match[4][0] = v.match[4][0] || v.match[4][7]
	return v
}

// day is find_jobs' test of a date.
func (v *vixie) day(at time.Time) bool {
	dom, dow := v.match[2][at.Day()], v.match[4][at.Weekday()]
	for _, special := range v.extra[2] {
		dom = dom || special(at)
	}
	for _, special := range v.extra[4] {
		dow = dow || special(at)
	}
	if v.star[2] || v.star[4] {
		return v.match[3][at.Month()] && dom && dow
	}
	return v.match[3][at.Month()] && (dom || dow)
}

// runs is cron's main loop: it returns the instants in [from, to) at which cron, started
// two days before, starts the job. Offsets change at whole quarters of an hour in every
// zone and year that is asked about.
func (v *vixie) runs(zone *time.Location, from, to time.Time) (runs []int64) {
	const threeHours = 3 * 60
	wild := v.star[0] || v.star[1]
	lastDay, dayMatches := int64(-1), false
	due := func(minute int64) bool {
		if day := minute / (24 * 60); day != lastDay {
			lastDay, dayMatches = day, v.day(time.Unix(minute*60, 0).UTC())
		}
		return dayMatches && v.match[0][minute%60] && v.match[1][minute/60%24]
	}
	var virtual int64
	offset := int64(0)
	for now := from.Unix() - 48*60*60; now < to.Unix(); now += 60 {
		if now%(15*60) == 0 || virtual == 0 {
			_, seconds := time.Unix(now, 0).In(zone).Zone()
			offset = int64(seconds)
		}
		clock := (now + offset) / 60
		if virtual == 0 {
			virtual = clock - 1
		}
		start := false
		find := func(minute int64, doWild, doFixed bool) {
			if due(minute) && (doWild && wild || doFixed && !wild) {
				start = true
			}
		}
		switch diff := clock - virtual; {
		case diff > threeHours || diff <= -threeHours: // the clock was set
			virtual = clock
			find(clock, true, true)
		case diff > 5: // daylight saving began
			find(clock, true, false)
			for virtual < clock {
				virtual++
				find(virtual, false, true)
			}
		case diff > 0: // the usual, or woken late
			for virtual < clock {
				virtual++
				find(virtual, true, true)
			}
		default: // daylight saving ended
			find(clock, true, false)
		}
		if start && now >= from.Unix() {
			runs = append(runs, now)
		}
	}
	return runs
}

// readSpecial reads L, W and # as their definitions say, by looking at the days around the
// one that is asked about; nil for every other item.
func readSpecial(t rapid.TB, item string, number func(string) int) func(time.Time) bool {
	lower := strings.ToLower(item)
	sameMonth := func(a, b time.Time) bool { return a.Month() == b.Month() }
	working := func(at time.Time) bool { return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday }
	last := func(at time.Time, before int) bool {
		return sameMonth(at, at.AddDate(0, 0, before)) && !sameMonth(at, at.AddDate(0, 0, before+1))
	}
	nearest := func(at, wanted time.Time) bool {
		for _, off := range []int{0, -1, 1, -2, 2} {
			if day := wanted.AddDate(0, 0, off); sameMonth(day, wanted) && working(day) {
				return day.Equal(at)
			}
		}
		t.Fatalf("no working day near %s", wanted)
		return false
	}
	switch {
	case lower == "l":
		return func(at time.Time) bool { return last(at, 0) }
	case lower == "lw":
		return func(at time.Time) bool {
			wanted := time.Date(at.Year(), at.Month()+1, 0, at.Hour(), at.Minute(), 0, 0, time.UTC)
			return nearest(at, wanted)
		}
	case strings.HasPrefix(lower, "l-"):
		return func(at time.Time) bool { return last(at, number(lower[2:])) }
	case strings.HasSuffix(lower, "w"):
		day := number(strings.TrimSuffix(lower, "w"))
		return func(at time.Time) bool {
			wanted := time.Date(at.Year(), at.Month(), day, at.Hour(), at.Minute(), 0, 0, time.UTC)
			return sameMonth(at, wanted) && nearest(at, wanted)
		}
	case strings.HasSuffix(lower, "l"):
		day := number(strings.TrimSuffix(lower, "l")) % 7
		return func(at time.Time) bool { return int(at.Weekday()) == day && !sameMonth(at, at.AddDate(0, 0, 7)) }
	case strings.Contains(lower, "#"):
		name, nth, _ := strings.Cut(lower, "#")
		return func(at time.Time) bool {
			before := 0
			for day := at; sameMonth(at, day); day = day.AddDate(0, 0, -7) {
				before++
			}
			return int(at.Weekday()) == number(name)%7 && before == number(nth)
		}
	}
	return nil
}
