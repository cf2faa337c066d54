package importer

import (
	"fmt"
	"strconv"
	"strings"
)

// readVixie reads the times of a crontab line as Debian's cron does, character by character
// and with all that it lets pass: what follows a list up to the next blank, steps beyond the
// end, ranges that run backwards and hold nothing. Its errors are those that cron has.
func readVixie(schedule string) (*reading, error) {
	fields := strings.Fields(schedule)
	if len(fields) == 1 && strings.HasPrefix(schedule, "@") {
		times, known := vixieMacros[schedule[1:]]
		if !known {
			return nil, fmt.Errorf("cron knows no %s", schedule)
		}
		r, err := readVixie(times)
		if schedule == "@hourly" {
			r.clock = vixieWild
		}
		return r, err
	}
	if len(fields) != 5 {
		return nil, fmt.Errorf("cron reads five time fields, and there are %d", len(fields))
	}
	var values [5][]bool
	var star [5]bool
	for i, f := range vixieFields {
		star[i] = fields[i][0] == '*'
		var err error
		if values[i], err = f.list(fields[i]); err != nil {
			return nil, err
		}
	}
	r := &reading{}
	copy(r.minutes[:], values[0])
	copy(r.hours[:], values[1])
	copy(r.months[:], values[3])
	if star[0] || star[1] {
		r.clock = vixieWild
	}
	values[4][0] = values[4][0] || values[4][7]
	r.day = func(t date) bool {
		dom, dow := values[2][t.day], values[4][t.weekday]
		if star[2] || star[4] {
			return dom && dow
		}
		return dom || dow
	}
	return r, nil
}

var vixieMacros = map[string]string{
	"yearly": "0 0 1 1 *", "annually": "0 0 1 1 *", "monthly": "0 0 1 * *", "weekly": "0 0 * * 0",
	"daily": "0 0 * * *", "midnight": "0 0 * * *", "hourly": "0 * * * *",
}

type vixieField struct {
	name      string
	low, high int
	names     string // three letters each, of the values from low on
}

var vixieFields = [5]vixieField{
	{"minute", 0, 59, ""}, {"hour", 0, 23, ""}, {"day of month", 1, 31, ""},
	{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"}, {"day of week", 0, 7, "sunmontuewedthufrisat"},
}

// list is cron's get_list.
func (f vixieField) list(text string) ([]bool, error) {
	values := make([]bool, f.high+1)
	rest := text
	for {
		var err error
		if rest, err = f.item(rest, values); err != nil {
			return nil, fmt.Errorf("cron refuses %q in the %s: %w", text, f.name, err)
		}
		var more bool
		if rest, more = strings.CutPrefix(rest, ","); !more {
			return values, nil // what follows is passed over
		}
	}
}

// item is cron's get_range.
func (f vixieField) item(text string, values []bool) (rest string, err error) {
	from, to, step := f.low, f.high, 1
	if strings.HasPrefix(text, "*") {
		text = text[1:]
	} else {
		if from, text, err = f.number(text); err != nil {
			return "", err
		}
		if !strings.HasPrefix(text, "-") {
			if strings.HasPrefix(text, "/") {
				return "", fmt.Errorf("a step needs a range")
			}
			if from < f.low || from > f.high {
				return "", fmt.Errorf("%d is out of range", from)
			}
			values[from] = true
			return text, nil
		}
		if to, text, err = f.number(text[1:]); err != nil {
			return "", err
		}
	}
	if strings.HasPrefix(text, "/") {
		if step, text, err = (vixieField{}).number(text[1:]); err != nil || step <= 0 {
			return "", fmt.Errorf("the step is no number above 0")
		}
	}
	if from < f.low || from > f.high || to < f.low || to > f.high {
		return "", fmt.Errorf("the range is out of range")
	}
	for n := from; n <= to; n += step {
		values[n] = true
	}
	return text, nil
}

// number is cron's get_number.
func (f vixieField) number(text string) (n int, rest string, err error) {
	end := 0
	for end < len(text) && (text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z' || text[end] >= '0' && text[end] <= '9') {
		end++
	}
	word := strings.ToLower(text[:end])
	if i := strings.Index(f.names, word); len(word) == 3 && i >= 0 && i%3 == 0 {
		return i/3 + f.low, text[end:], nil
	}
	if n, err = strconv.Atoi(word); err != nil || n > 1<<20 {
		return 0, "", fmt.Errorf("%q is no number", word)
	}
	return n, text[end:], nil
}
