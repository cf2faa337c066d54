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
