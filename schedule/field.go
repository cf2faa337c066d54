package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crontopus.dev/crontopus"
)

// field is one of the five fields of an expression.
type field struct {
	name     string
	min, max int
	size     int      // of a round: the largest step
	names    []string // of the values from min on
}

// The fields in their order.
const (
	minuteField = iota
	hourField
	domField
	monthField
	dowField
)

var fields = [5]field{
	minuteField: {name: "minute", max: 59, size: 60},
	hourField:   {name: "hour", max: 23, size: 24},
	domField:    {name: "day of month", min: 1, max: 31, size: 31},
	monthField:  {name: "month", min: 1, max: 12, size: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	dowField:    {name: "day of week", max: 7, size: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// parse reads a list of items; seed decides about H.
func (f *field) parse(text, seed string) (list, error) {
	l := list{star: strings.HasPrefix(text, "*"), items: make([]item, 0, 1+strings.Count(text, ","))}
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			return list{}, f.invalid(text, "leaves a value out").WithHint("write %s", f.domain())
		}
		it, err := f.item(word, seed)
		if err != nil {
			return list{}, err
		}
		l.add(it)
	}
	if l.ranges && l.special && l.has(nearest, nearestLast) {
		return list{}, f.invalid(text, "has W beside a range").WithHint("make a list of two schedules, one with the range and one with W")
	}
	return l, nil
}

func (f *field) item(text, seed string) (it item, err error) {
	if text[0] == 'H' || text[0] == 'h' {
		return f.hashed(text, seed)
	}
	if s, ok, err := f.special(text); ok {
		return item{special: s}, err
	}
	values, step, stepped := strings.Cut(text, "/")
	low, high, ranged := strings.Cut(values, "-")
	switch {
	case values == "*":
		it = item{low: f.min, high: f.max, star: true}
	case ranged:
		if it.low, err = f.value(low, text); err == nil {
			it.high, err = f.value(high, text)
		}
	default:
		it.low, err = f.value(low, text)
		it.high, it.single = it.low, true
	}
	if err != nil {
		return it, err
	}
	it.step = 1
	if stepped {
		if it.step, err = f.step(step, text); err != nil {
			return it, err
		}
	}
	switch {
	case it.single && stepped:
		return it, f.invalid(text, "has a step but no range").
			WithHint("write %s-%d/%d to begin at %s, or %s alone", low, f.last(), it.step, low, low)
	case it.low > it.high:
		return it, f.invalid(text, "runs backwards").WithHint("write %s", f.forwards(it, low, high))
	}
	return it, nil
}

// value reads a number or a name; text is the item that it is part of.
func (f *field) value(s, text string) (int, error) {
	if f.named(s) {
		return f.min + slices.Index(f.names, strings.ToLower(s)), nil
	}
	if !digits(s) {
		return 0, f.notValue(s, text)
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < f.min || n > f.max {
		return 0, f.invalid(text, "is out of range").WithHint("write %s", f.domain())
	}
	return n, nil
}

// named reports whether s is one of the field's names.
func (f *field) named(s string) bool { return slices.Contains(f.names, strings.ToLower(s)) }

func (f *field) step(s, text string) (int, error) {
	if !digits(s) {
		return 0, f.invalid(text, "has a step that is not a number").WithHint("write a number after the slash, such as */5")
	}
	n, err := strconv.Atoi(s)
	switch {
	case err == nil && n == 0:
		return 0, f.invalid(text, "has the step 0").WithHint("write a step from 1 to %d", f.size)
	case err != nil || n > f.size:
		return 0, f.invalid(text, "has a step larger than the field").
			WithHint("steps begin anew with each round of the field; write a step from 1 to %d", f.size)
	}
	return n, nil
}

// notValue says why s is neither a number nor a name of the field.
func (f *field) notValue(s, text string) error {
	if err := f.misused(text); err != nil {
		return err
	}
	err := f.invalid(text, "is not a %s", f.name)
	if text == "?" {
		return err.WithHint("write *")
	}
	if len(s) > 3 {
		if i := slices.Index(f.names, strings.ToLower(s[:3])); i >= 0 {
			return err.WithHint("write %s", f.names[i])
		}
	}
	return err.WithHint("write %s", f.domain())
}

// domain says what the field's values are.
func (f *field) domain() string {
	s := fmt.Sprintf("%d to %d", f.min, f.max)
	if f.names != nil {
		s += fmt.Sprintf(", or %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return s + ", or * for all"
}

// last is the last value that is not the first again.
func (f *field) last() int { return f.min + f.size - 1 }

// forwards writes a range that runs backwards as the list that it must mean.
func (f *field) forwards(it item, low, high string) string {
	if it.step > 1 {
		var list []string
		for v := it.low; v <= it.high+f.size; v += it.step {
			list = append(list, strconv.Itoa(f.min+(v-f.min)%f.size))
		}
		return strings.Join(list, ",")
	}
	first, last := strconv.Itoa(f.min), strconv.Itoa(f.last())
	if f.names != nil && !digits(low) {
		first, last = f.names[0], f.names[len(f.names)-1]
	}
	before, after := low+"-"+last+",", first+"-"+high
	switch {
	case it.low > f.last(): // Sunday as 7
		before = ""
	case it.low == f.last():
		before = low + ","
	}
	if it.high == f.min {
		after = high
	}
	return strings.ToLower(before + after)
}

func (f *field) invalid(text, format string, args ...any) *crontopus.Error {
	return invalid("%.40q in the %s "+format, append([]any{text, f.name}, args...)...)
}

// digits reports whether s is a number without a sign.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
