package schedule

import "math/bits"

// Schedule is one compiled expression. It is immutable and says which minutes of the
// local calendar match; a Set adds the time zone.
type Schedule struct {
	expr    string // as it was written
	seed    string // of H
	crontab string // time fields of a crontab line that comes at all of its times
	exact   bool   // and at no others
	reboot  bool   // @reboot: when the host starts, at no time of the calendar
	fixed   bool   // neither minute nor hour begins with "*"; see the package's comment

	minutes uint64 // bit 0 to 59
	hours   uint32 // bit 0 to 23
	months  uint16 // bit 1 to 12
	days    monthDays
}

// String returns the expression as it was written.
func (s *Schedule) String() string { return s.expr }

// Reboot reports whether the schedule is @reboot.
func (s *Schedule) Reboot() bool { return s.reboot }

// never is what next and prev return when no minute of the years 1 to 9999 is left.
const never = int64(-1 << 63)

// next returns the first matching minute at or after m, both counted from 1970 in local
// time.
func (s *Schedule) next(m int64) int64 {
	m = max(m, firstMinute)
	if m > lastMinute {
		return never
	}
	day := floorDiv(m, minutesPerDay)
	year, month, dom := civil(day)
	if s.months&(1<<month) != 0 {
		left := s.daysOf(year, month, day-int64(dom)+1) >> dom
		if left&1 != 0 {
			if t := s.timeFrom(uint(m - day*minutesPerDay)); t >= 0 {
				return day*minutesPerDay + t
			}
		}
		if left >>= 1; left != 0 {
			return (day+1+int64(bits.TrailingZeros32(left)))*minutesPerDay + s.firstTime()
		}
	}
	for {
		if later := s.months >> (month + 1); later != 0 {
			month += 1 + uint(bits.TrailingZeros16(later))
		} else if year++; year > lastYear {
			return never
		} else {
			month = uint(bits.TrailingZeros16(s.months))
		}
		first := daysBefore(year, month)
		if days := s.daysOf(year, month, first); days != 0 {
			return (first-1+int64(bits.TrailingZeros32(days)))*minutesPerDay + s.firstTime()
		}
	}
}

// prev returns the last matching minute at or before m.
func (s *Schedule) prev(m int64) int64 {
	m = min(m, lastMinute)
	if m < firstMinute {
		return never
	}
	day := floorDiv(m, minutesPerDay)
	year, month, dom := civil(day)
	if s.months&(1<<month) != 0 {
		left := s.daysOf(year, month, day-int64(dom)+1) << (31 - dom)
		if left>>31 != 0 {
			if t := s.timeUpTo(uint(m - day*minutesPerDay)); t >= 0 {
				return day*minutesPerDay + t
			}
		}
		if left <<= 1; left != 0 {
			return (day-1-int64(bits.LeadingZeros32(left)))*minutesPerDay + s.lastTime()
		}
	}
	for {
		if earlier := s.months & (1<<month - 1); earlier != 0 {
			month = uint(bits.Len16(earlier)) - 1
		} else if year--; year < firstYear {
			return never
		} else {
			month = uint(bits.Len16(s.months)) - 1
		}
		first := daysBefore(year, month)
		if days := s.daysOf(year, month, first); days != 0 {
			return (first-2+int64(bits.Len32(days)))*minutesPerDay + s.lastTime()
		}
	}
}

// daysOf returns the matching days of a month as bits 1 to 31; first is the day number of
// its 1st.
func (s *Schedule) daysOf(year int, month uint, first int64) uint32 {
	return s.days[monthLength(year, month)-shortest][weekday(first)]
}

// timeFrom returns the first matching minute of a day at or after t, or -1.
func (s *Schedule) timeFrom(t uint) int64 {
	hour, minute := t/60, t%60
	if s.hours>>hour&1 != 0 {
		if left := s.minutes >> minute; left != 0 {
			return int64(t) + int64(bits.TrailingZeros64(left))
		}
	}
	later := s.hours >> (hour + 1)
	if later == 0 {
		return -1
	}
	return int64(hour+1+uint(bits.TrailingZeros32(later)))*60 + int64(bits.TrailingZeros64(s.minutes))
}

// timeUpTo returns the last matching minute of a day at or before t, or -1.
func (s *Schedule) timeUpTo(t uint) int64 {
	hour, minute := t/60, t%60
	if s.hours>>hour&1 != 0 {
		if left := s.minutes << (63 - minute); left != 0 {
			return int64(t) - int64(bits.LeadingZeros64(left))
		}
	}
	earlier := s.hours & (1<<hour - 1)
	if earlier == 0 {
		return -1
	}
	return int64(bits.Len32(earlier)-1)*60 + int64(bits.Len64(s.minutes)-1)
}

func (s *Schedule) firstTime() int64 {
	return int64(bits.TrailingZeros32(s.hours))*60 + int64(bits.TrailingZeros64(s.minutes))
}

func (s *Schedule) lastTime() int64 {
	return int64(bits.Len32(s.hours)-1)*60 + int64(bits.Len64(s.minutes)-1)
}
