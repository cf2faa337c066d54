// Command schedule is the floor of finding the next run: bit sets, one expression, UTC, no
// daylight saving, no bounds. It imports the standard library only.
package main

import (
	"encoding/json"
	"math/bits"
	"os"
	"time"
)

func main() {
	const every = 1<<32 - 1
	floors := map[string]floor{
		"* * * * *":  {minutes: 1<<60 - 1, hours: 1<<24 - 1, dom: every, months: every, dow: 1<<42 - 1},
		"30 2 * * *": {minutes: 1 << 30, hours: 1 << 2, dom: every, months: every, dow: 1<<42 - 1},
		"0 0 29 2 *": {minutes: 1, hours: 1, dom: 1 << 29, months: 1 << 2, dow: 1<<42 - 1},
		"0 0 13 * 5": {minutes: 1, hours: 1, dom: 1 << 13, months: every, dow: 1 << 5 * (1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35), either: true},
	}
	at, took := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC), map[string]float64{}
	for expr, f := range floors {
		took[expr] = f.measure(at)
	}
	if json.NewEncoder(os.Stdout).Encode(took) != nil {
		os.Exit(1)
	}
}

// measure returns nanoseconds for a call.
func (f *floor) measure(at time.Time) float64 {
	calls, began := 0, time.Now()
	for time.Since(began) < 100*time.Millisecond {
		for range 1000 {
			f.next(at)
		}
		calls += 1000
	}
	return float64(time.Since(began).Nanoseconds()) / float64(calls)
}

type floor struct {
	minutes, dow       uint64 // dow repeats every seven bits
	hours, months, dom uint32
	either             bool
}

func (f *floor) days(year, month, first uint32) uint32 {
	length := 30 + (month+month>>3)&1
	if month == 2 {
		length = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			length = 29
		}
	}
	days := uint32(f.dow>>((first+4)%7)) << 1
	if f.either {
		days |= f.dom
	} else {
		days &= f.dom
	}
	return days & (1<<(length+1) - 1)
}

func (f *floor) next(at time.Time) time.Time {
	now := uint32(at.Unix()/60) + 1
	day, clock := now/1440, now%1440
	n := day + 719468
	era, n := n/146097, n%146097
	y := (n - n/1460 + n/36524 - n/146096) / 365
	n -= 365*y + y/4 - y/100
	m := (5*n + 2) / 153
	dom := n - (153*m+2)/5 + 1
	year, month := era*400+y, m+3
	if m >= 10 {
		year, month = year+1, m-9
	}
	if f.months>>month&1 != 0 {
		days := f.days(year, month, day-dom+1) >> dom
		if days&1 != 0 {
			hour := clock / 60
			if left := f.minutes >> (clock % 60); f.hours>>hour&1 != 0 && left != 0 {
				return f.at(day, clock+uint32(bits.TrailingZeros64(left)))
			}
			if later := f.hours >> (hour + 1); later != 0 {
				return f.at(day, (hour+1+uint32(bits.TrailingZeros32(later)))*60+uint32(bits.TrailingZeros64(f.minutes)))
			}
		}
		if days >>= 1; days != 0 {
			return f.at(day+1+uint32(bits.TrailingZeros32(days)), f.first())
		}
	}
	for {
		if later := f.months & (1<<13 - 1) >> (month + 1); later != 0 {
			month += 1 + uint32(bits.TrailingZeros32(later))
		} else {
			year, month = year+1, max(1, uint32(bits.TrailingZeros32(f.months)))
		}
		y, m := year, month-3
		if month < 3 {
			y, m = year-1, month+9
		}
		first := 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 - 719468
		if days := f.days(year, month, first); days != 0 {
			return f.at(first-1+uint32(bits.TrailingZeros32(days)), f.first())
		}
	}
}

func (f *floor) first() uint32 {
	return uint32(bits.TrailingZeros32(f.hours))*60 + uint32(bits.TrailingZeros64(f.minutes))
}

func (f *floor) at(day, clock uint32) time.Time {
	return time.Unix(int64(day)*86400+int64(clock)*60, 0).UTC()
}
