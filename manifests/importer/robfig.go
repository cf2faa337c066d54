package importer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// readRobfig reads a schedule as the library does that Kubernetes has: 5/15 goes on to the end,
// ? is *, and a field of days counts as a wildcard only if it is * without a step. It returns the
// schedule as a manifest has it, too.
func readRobfig(text string) (r *reading, expr string, err error) {
	if every, found := strings.CutPrefix(text, "@every "); found {
		return readEvery(every)
	}
	if strings.HasPrefix(text, "@") {
		r, err := readVixie(text)
		if err == nil {
			r.clock = unproven
		}
		return r, text, err
	}
	fields := strings.Fields(text)
	if len(fields) != len(vixieFields) {
		return nil, "", fmt.Errorf("it has %d fields and not five", len(fields))
	}
	var values [5][]bool
	var wild [5]bool
	for i, f := range vixieFields {
		values[i] = make([]bool, f.high+1)
		for item := range strings.SplitSeq(fields[i], ",") {
			star, err := f.robfigItem(item, values[i])
			if err != nil {
				return nil, "", err
			}
			wild[i] = wild[i] || star
		}
	}
	r = &reading{clock: unproven}
	copy(r.minutes[:], values[0])
	copy(r.hours[:], values[1])
	copy(r.months[:], values[3])
	r.day = func(t date) bool {
		dom, dow := values[2][t.day], values[4][t.weekday]
		if wild[2] || wild[4] {
			return dom && dow
		}
		return dom || dow
	}
	return r, robfigFields(fields, values, wild), accept(robfigFields(fields, values, wild))
}

// robfigFields writes the fields with what the manifest's grammar takes: as they are, where
// that means the same.
func robfigFields(fields []string, values [5][]bool, wild [5]bool) string {
	out := make([]string, len(fields))
	for i, f := range vixieFields {
		isDay := i == 2 || i == 4
		switch field := fields[i]; {
		case isDay && wild[i] && !strings.HasPrefix(field, "*"), isDay && wild[i] && strings.Contains(field, ","):
			out[i] = "*"
		case isDay && !wild[i] && strings.HasPrefix(field, "*"), strings.Contains(field, "?"), accept(alone(i, field)) != nil:
			out[i] = fieldOf(values[i][:f.low+size(f)], f.low, !isDay)
			if isDay && out[i] == "*" { // every day of them, and no wildcard
				out[i] = fmt.Sprintf("%d-%d", f.low, f.low+size(f)-1)
			}
		default:
			out[i] = field
		}
	}
	return strings.Join(out, " ")
}

func size(f vixieField) int {
	if f.high == 7 {
		return 7
	}
	return f.high - f.low + 1
}

// alone is a schedule of which one field is not *.
func alone(i int, field string) string {
	fields := []string{"*", "*", "*", "*", "*"}
	fields[i] = field
	return strings.Join(fields, " ")
}

// robfigItem sets the values of an item, and reports whether it makes the field a wildcard.
func (f vixieField) robfigItem(item string, values []bool) (wild bool, err error) {
	span, step, stepped := strings.Cut(item, "/")
	first, last, ranged := strings.Cut(span, "-")
	every, from, to := 1, f.low, f.low+size(f)-1
	if stepped {
		if every, err = strconv.Atoi(step); err != nil || every < 1 {
			return false, fmt.Errorf("the step of %q is no number above 0", item)
		}
	}
	if span != "*" && span != "?" {
		var rest string
		if from, rest, err = f.number(first); err == nil && rest != "" {
			err = strconv.ErrSyntax
		}
		if err == nil && ranged {
			if to, rest, err = f.number(last); err == nil && rest != "" {
				err = strconv.ErrSyntax
			}
		} else if err == nil && !stepped {
			to = from
		}
		if err != nil || from < f.low || to > f.low+size(f)-1 || from > to {
			return false, fmt.Errorf("%q in the %s is not understood", item, f.name)
		}
	}
	for n := from; n <= to; n += every {
		values[n] = true
	}
	return (span == "*" || span == "?") && every == 1, nil
}

// readEvery reads @every, which counts from when the CronJob was made.
func readEvery(text string) (*reading, string, error) {
	span, err := time.ParseDuration(text)
	if err != nil {
		return nil, "", fmt.Errorf("%q is no span of time", text)
	}
	return nil, "", fmt.Errorf("every %s counts from when the CronJob was made; write a step, such as */5 * * * *", crontopus.Duration(span))
}
