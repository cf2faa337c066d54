package schedule

import (
	"fmt"
	"math/bits"
	"strings"

	"crontopus.dev/crontopus"
)

// maxLength bounds an expression. The longest sensible one lists every value of a field.
const maxLength = 512

// macros are the short names of schedules. @reboot is not among them: it has no times.
var macros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// Parse compiles one expression: five fields or a macro. Its errors have the code invalid,
// or unsupported for H, L, W and #, and a hint that says what to write.
func Parse(expr string) (*Schedule, error) {
	if len(expr) > maxLength {
		return nil, invalid("the schedule has %d characters; the most is %d", len(expr), maxLength).
			WithHint("use ranges and steps, such as 0-59/5")
	}
	plain := strings.Trim(expr, " \t")
	if plain == "@reboot" {
		return &Schedule{expr: expr, crontab: plain, reboot: true}, nil
	}
	if strings.HasPrefix(plain, "@") {
		fields, known := macros[plain]
		if !known {
			return nil, badMacro(plain)
		}
		plain = fields
	}
	words := strings.FieldsFunc(plain, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) > 0 && strings.Contains(words[0], "TZ=") {
		return nil, invalid("%.80q sets a time zone inside the schedule", expr).
			WithHint("leave %.40s out, and name the zone in spec.timezone (schedule next: --timezone)", words[0])
	}
	if len(words) != len(fields) {
		return nil, badCount(expr, len(words))
	}
	s := &Schedule{expr: expr}
	var values [len(fields)]uint64
	var star [len(fields)]bool
	for i, word := range words {
		var err error
		if values[i], words[i], err = fields[i].parse(word); err != nil {
			return nil, err
		}
		star[i] = word[0] == '*'
	}
	s.crontab = strings.Join(words, " ")
	s.fixed = !star[0] && !star[1]
	s.minutes, s.hours, s.months = values[0], uint32(values[1]), uint16(values[3])
	s.days = days(uint32(values[2]), uint32(values[4]), star[2] || star[4])
	if longest := s.longestMonth(); !s.comes(longest) {
		return nil, invalid("%q names a date that never comes", expr).
			WithHint("its months have at most %d days; write a day of the month from 1 to %d", longest, longest)
	}
	return s, nil
}

// days tells which days of a month match, for each day of the week on which it may begin.
func days(dom, dow uint32, both bool) (months [7]uint32) {
	const everySeventh = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35
	dow = (dow | dow>>7) & (1<<7 - 1) // 7 is Sunday too
	weeks := uint64(dow) * everySeventh
	for first := range months {
		week := uint32(weeks>>first) << 1
		if both {
			months[first] = dom & week
		} else {
			months[first] = dom | week
		}
	}
	return months
}

// longestMonth returns the length of the longest month that matches, February in a leap
// year.
func (s *Schedule) longestMonth() (longest uint) {
	const leapYear = 2000
	for months := s.months; months != 0; months &= months - 1 {
		longest = max(longest, monthLength(leapYear, uint(bits.TrailingZeros16(months))))
	}
	return longest
}

// comes reports whether there is a matching day in months of that length. Every month
// begins on each day of the week in some year, February of a leap year too.
func (s *Schedule) comes(length uint) bool {
	var any uint32
	for _, days := range s.days {
		any |= days
	}
	return any&(1<<(length+1)-1) != 0
}

func badMacro(name string) error {
	if lower := strings.ToLower(name); lower == "@reboot" || macros[lower] != "" {
		return invalid("%q is not a schedule", name).WithHint("write %s", lower)
	}
	if strings.HasPrefix(name, "@every") {
		return invalid("%.40q is not a schedule that cron knows", name).
			WithHint("write a step instead, such as */5 * * * * for every five minutes")
	}
	return invalid("%.40q is not a schedule", name).
		WithHint("write five fields or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually and @reboot")
}

func badCount(expr string, n int) error {
	if n == 0 {
		return invalid("the schedule is empty").WithHint("write five fields, such as 30 2 * * * for 02:30 every day")
	}
	count := "1 field"
	if n > 1 {
		count = fmt.Sprintf("%d fields", n)
	}
	err := invalid("%.80q has %s and not 5: minute, hour, day of month, month, day of week", expr, count)
	switch n {
	case 1:
		return err.WithHint("write five fields, such as 30 2 * * * for 02:30 every day")
	case 6, 7:
		return err.WithHint("cron has neither seconds nor years; leave them out")
	}
	return err.WithHint("write five fields with blanks between them; a list such as 1,15 has none")
}

func invalid(format string, args ...any) *crontopus.Error {
	return crontopus.Errorf(crontopus.CodeInvalid, format, args...)
}
