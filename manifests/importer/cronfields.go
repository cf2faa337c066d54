package importer

import (
	"fmt"
	"strconv"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// rewrite returns the times of a crontab line as a manifest may have them. What the manifest's
// grammar refuses and cron takes is written as what cron makes of it: a step beyond the end
// ends the field, a range that runs backwards holds nothing, and what follows a list is passed
// over. 5#3, which both take, is every Friday to cron.
func rewrite(times string) (expr string, err error) {
	first := accept(times)
	if first == nil && !strings.Contains(times, "#") {
		return times, nil
	}
	fields := strings.Fields(times)
	if len(fields) != len(vixieFields) {
		return "", first
	}
	for i, f := range vixieFields {
		fields[i] = f.tidy(fields[i])
	}
	// Where one field of the days holds nothing, the other decides alone, unless both must match.
	dom, dow := &fields[2], &fields[4]
	starred := strings.HasPrefix(*dom, "*") || strings.HasPrefix(*dow, "*")
	switch {
	case *dom == "" && !starred:
		*dom = "*"
	case *dow == "" && !starred:
		*dow = "*"
	}
	for _, field := range fields {
		if field == "" {
			return "", crontopus.Errorf(crontopus.CodeInvalid, "cron takes %q and never runs it: %w", times, first).
				WithHint("%s", crontopus.ErrorHint(first))
		}
	}
	expr = strings.Join(fields, " ")
	return expr, accept(expr)
}

// accept asks the manifest's grammar. A name for H is given, so that nothing is refused for
// want of one; cron has refused H before.
func accept(expr string) error {
	_, err := schedule.Parse(expr, "imported")
	return err
}

// tidy writes a field without what cron passes over, "" if nothing is left.
func (f vixieField) tidy(text string) string {
	var kept []string
	for item := range strings.SplitSeq(text, ",") {
		tidied, garbage := f.tidyItem(item)
		if tidied != "" {
			kept = append(kept, tidied)
		}
		if garbage {
			break // cron reads no further
		}
	}
	joined := strings.Join(kept, ",")
	if strings.HasPrefix(joined, "*") && !strings.HasPrefix(text, "*") { // what cron takes for a wildcard begins with one
		joined = fmt.Sprintf("%d-%d", f.low, f.high) + joined[1:]
	}
	return joined
}

// tidyItem returns "" for a range that holds nothing, and whether something follows the item
// that is no part of it.
func (f vixieField) tidyItem(item string) (tidied string, garbage bool) {
	size := f.high - f.low + 1
	if f.high == 7 { // Sunday is there twice
		size = 7
	}
	values, rest := "*", strings.TrimPrefix(item, "*")
	from, to := f.low, f.high
	if rest == item {
		low, after, err := f.number(item)
		if err != nil {
			return item, false
		}
		values, rest, from, to = item[:len(item)-len(after)], after, low, low
		if high, isRange := strings.CutPrefix(after, "-"); isRange {
			if to, rest, err = f.number(high); err != nil {
				return item, false
			}
			values = item[:len(item)-len(rest)]
		}
	}
	if from > to {
		return "", rest != "" && rest[0] != '/'
	}
	digits, stepped := strings.CutPrefix(rest, "/")
	if !stepped {
		return values, rest != ""
	}
	step, rest, err := (vixieField{}).number(digits)
	switch {
	case err != nil:
		return item, false
	case values == "*":
		return "*/" + strconv.Itoa(min(step, size)), rest != ""
	case step > to-from:
		return strconv.Itoa(from), rest != ""
	}
	return values + "/" + strconv.Itoa(step), rest != ""
}
