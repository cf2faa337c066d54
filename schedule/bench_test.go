package schedule_test

import (
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

var benchmarked = []string{"* * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 13 * 5"}

var benchmarkZones = []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe"}

// BenchmarkNext is measured against BenchmarkFloor in the same run; three times the floor
// is the aim.
func BenchmarkNext(b *testing.B) {
	for _, zone := range benchmarkZones {
		for _, expr := range benchmarked {
			b.Run(zone+"/"+expr, func(b *testing.B) {
				set := mustNew(b, zone, expr)
				at := instant(b, "2026-11-23T20:00:00Z")
				b.ReportAllocs()
				for b.Loop() {
					set.Next(at)
				}
			})
		}
	}
}

func BenchmarkPrev(b *testing.B) {
	for _, expr := range benchmarked {
		b.Run(expr, func(b *testing.B) {
			set := mustNew(b, "Europe/Berlin", expr)
			at := instant(b, "2026-11-23T20:00:00Z")
			b.ReportAllocs()
			for b.Loop() {
				set.Prev(at)
			}
		})
	}
}

// BenchmarkFloor is the least code that finds a run with bit sets: one expression, UTC,
// no daylight saving, no bounds.
func BenchmarkFloor(b *testing.B) {
	const every = 1<<32 - 1
	floors := []floor{
		{minutes: 1<<60 - 1, hours: 1<<24 - 1, dom: every, months: every, dow: 1<<42 - 1},
		{minutes: 1 << 30, hours: 1 << 2, dom: every, months: every, dow: 1<<42 - 1},
		{minutes: 1, hours: 1, dom: 1 << 29, months: 1 << 2, dow: 1<<42 - 1},
		{minutes: 1, hours: 1, dom: 1 << 13, months: every, dow: 1 << 5 * (1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35), either: true},
	}
	for i, f := range floors {
		b.Run(benchmarked[i], func(b *testing.B) {
			at := instant(b, "2026-11-23T20:00:00Z")
			want, _ := mustNew(b, "UTC", benchmarked[i]).Next(at)
			require.Equal(b, want, f.next(at))
			for b.Loop() {
				f.next(at)
			}
		})
	}
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

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schedule.Parse("*/15 2,14 1-7 * mon-fri", seed); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNextAndPrevDoNotAllocate(t *testing.T) {
	for _, zone := range benchmarkZones {
		set := mustNew(t, zone, append([]string{"@reboot", "30 2 8 3 *", "H H 15W,L-3 * *", "0 0 * 2 1#5"}, benchmarked...)...)
		for _, at := range []time.Time{instant(t, "1920-01-01T00:00:00Z"), instant(t, "2026-11-23T20:00:00Z"), instant(t, "2026-10-25T00:30:00Z"), instant(t, "2150-07-01T00:00:00Z")} {
			require.Zero(t, testing.AllocsPerRun(100, func() { set.Next(at) }), "Next of %s in %s", at, zone)
			require.Zero(t, testing.AllocsPerRun(100, func() { set.Prev(at) }), "Prev of %s in %s", at, zone)
		}
	}
}

func mustNew(t rapid.TB, zone string, exprs ...string) *schedule.Set {
	t.Helper()
	set, err := schedule.New(exprs, zone, seed)
	require.NoError(t, err)
	return set
}
