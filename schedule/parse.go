package schedule

import (
	"fmt"
	"strings"

	"crontopus.dev/crontopus"
)

// maxLength bounds an expression. The longest sensible one lists every value of a field.
const maxLength = 512

// reboot has no times.
const reboot = "@reboot"

// macros are the short names of schedules.
var macros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// Parse compiles one expression: five fields or a macro. The seed is the job's
// namespace/name, which decides about H; without it H is refused. An error has the code
// invalid and a hint that says what to write.
func Parse(expr, seed string) (*Schedule, error) {
	if len(expr) > maxLength {
		return nil, invalid("the schedule has %d characters; the most is %d", len(expr), maxLength).
			WithHint("use ranges and steps, such as 0-59/5")
	}
	if strings.Trim(expr, " \t") == reboot {
		return &Schedule{expr: expr, crontab: reboot, exact: true, reboot: true}, nil
	}
	lists, err := readFields(expr, seed)
	if err != nil {
		return nil, err
	}
	return compile(expr, seed, &lists)
}

// readFields reads five fields or a macro that stands for them.
func readFields(expr, seed string) (lists [len(fields)]list, err error) {
	plain := strings.Trim(expr, " \t")
	if strings.HasPrefix(plain, "@") {
		fields, known := macros[plain]
		if !known {
			return lists, badMacro(plain)
		}
		plain = fields
	}
	words := strings.FieldsFunc(plain, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) > 0 && strings.Contains(words[0], "TZ=") {
		return lists, invalid("%.80q sets a time zone inside the schedule", expr).
			WithHint("leave %.40s out, and name the zone in spec.timezone (schedule next: --timezone)", words[0])
	}
	if len(words) != len(fields) {
		return lists, badCount(expr, len(words))
	}
	for i, word := range words {
		if lists[i], err = fields[i].parse(word, seed); err != nil {
			return lists, err
		}
	}
	return lists, nil
}

func compile(expr, seed string, lists *[len(fields)]list) (*Schedule, error) {
	s := &Schedule{
		expr: expr, seed: seed, fixed: !lists[minuteField].star && !lists[hourField].star,
		minutes: lists[minuteField].values, hours: uint32(lists[hourField].values), months: uint16(lists[monthField].values),
		days: combine(&lists[domField], &lists[dowField]),
	}
	for m := range each(s.months) {
		if s.days.of(m) != 0 {
			s.crontab, s.exact = s.line(lists)
			return s, nil
		}
	}
	return nil, s.never(lists)
}

// never explains a date that never comes.
func (s *Schedule) never(lists *[len(fields)]list) error {
	err := invalid("%q names a date that never comes", s.expr)
	if line, exact := s.line(lists); exact && strings.ContainsAny(s.expr, "Hh") {
		err = invalid("%q names a date that never comes: for this job it is %s", s.expr, line)
	}
	longest, comes := uint(0), false
	for m := range each(s.months) {
		longest = m.length
		comes = comes || lists[domField].daysOfMonth(m)&m.all() != 0
	}
	if comes {
		return err.WithHint("where a day field begins with *, both must match; no day of these is the other, too")
	}
	return err.WithHint("its months have at most %d days; write a day of the month from 1 to %d", longest, longest)
}

func badMacro(name string) error {
	if lower := strings.ToLower(name); lower == reboot || macros[lower] != "" {
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
