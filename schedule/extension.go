package schedule

import "regexp"

// What other schedulers' grammars have and Vixie's cron has not. They are told apart from
// mere mistakes because a later version will take them.
var extensions = []struct {
	letter string
	form   *regexp.Regexp
}{
	{"H", regexp.MustCompile(`(?i)^H(\([0-9]+-[0-9]+\))?(/[0-9]+)?$`)},
	{"#", regexp.MustCompile(`(?i)^[0-9a-z]+#[0-9]*$`)},
	{"W", regexp.MustCompile(`(?i)^(L|[0-9]+)W$`)},
	{"L", regexp.MustCompile(`(?i)^(L(-[0-9]+)?|([0-7]|sun|mon|tue|wed|thu|fri|sat)L)$`)},
}

var extensionHints = map[string]string{
	"H": "choose a value yourself; spec.run.splay spreads the same job over its hosts",
	"#": "give the seven days on which it can fall, such as 8-14 for the second week, and test the day of the week in the job",
	"W": "list the days of the month and test the day of the week in the job",
	"L": "write 28-31 and test in the job whether tomorrow is the 1st",
}

// extension returns the letter of the extension that an item is written with, or "".
func extension(item string) string {
	for _, e := range extensions {
		if e.form.MatchString(item) {
			return e.letter
		}
	}
	return ""
}
