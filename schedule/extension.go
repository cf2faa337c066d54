package schedule

import (
	"regexp"

	"crontopus.dev/crontopus"
)

// What other schedulers' grammars have and Vixie's cron has not. They are told apart from
// mere mistakes because a later version will take them.
var extensions = []struct {
	letter string
	form   string // compiled only where something is wrong
	hint   string
}{
	{"H", `(?i)^H(\([0-9]+-[0-9]+\))?(/[0-9]+)?$`, "choose a value yourself; spec.run.splay spreads the same job over its hosts"},
	{"#", `(?i)^([0-7]|[a-z]{3})#[0-9]?$`, "list the seven days on which it can fall, such as 8-14, and test the day of the week in the job"},
	{"W", `(?i)^(L|[0-9]+)W$`, "list the days of the month and test the day of the week in the job"},
	{"L", `(?i)^([0-7]|sun|mon|tue|wed|thu|fri|sat)L$`, "list the seven days on which it can fall, such as 25-31, and test the day of the week in the job"},
	{"L", `(?i)^L(-[0-9]+)?$`, "write 28-31 and test in the job whether tomorrow is the 1st"},
}

// checkExtension returns an error where an item of a field is written with an extension.
func checkExtension(f *field, item string) error {
	for _, e := range extensions {
		if matched, _ := regexp.MatchString(e.form, item); matched {
			return crontopus.Errorf(crontopus.CodeUnsupported, "%q in the %s uses %s, which is not supported yet", item, f.name, e.letter).
				WithHint("%s", e.hint)
		}
	}
	return nil
}
