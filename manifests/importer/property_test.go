package importer_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/importer"
)

// fragments of crontabs, right and wrong, from which lines are put together.
var fragments = []string{
	"*", "*/5", "5/15", "22-2", "1,2,3", "fri-sun", "jan", "0", "7", "@daily", "@reboot", "@nothing", "5;x", "*/90", "0 0 31 2 *", "* * * * *", "30 2 * * *",
	"root", "app", "bad/user", "/usr/bin/x", "echo", "a%b", `\%`, "'", `"`, "\x1b[31m", "\u202e", "\x00", "\xe9", "é", "#", "# BEGIN crontopus", "# END crontopus",
	"=", "MAILTO=", `MAILTO=""`, "CRON_TZ=Europe/Berlin", "CRON_TZ=Nowhere", "TZ=UTC", "SHELL=/bin/bash", "SHELL=sh", "HOME=/x", "LOGNAME=y", "PATH=$PATH:/x",
	"RANDOM_DELAY=6", "A=1", `B="x`, "C='y' z", "2X=3", "END_OF_INPUT", "---", "\t", " ", "\r", "\ufeff", "~", "-", "&&", "|", ";", "<<E", "{{ x }}", "%", "\\", ": ", "- ",
}

func crontabs() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(1, 12).Draw(t, "lines") {
			for range rapid.IntRange(0, 9).Draw(t, "words") {
				b.WriteString(rapid.SampledFrom(fragments).Draw(t, "word"))
				b.WriteString(rapid.SampledFrom([]string{" ", " ", " ", "\t", ""}).Draw(t, "blank"))
			}
			b.WriteString(rapid.SampledFrom([]string{"\n", "\n", "\n", "\r\n", "\n\n"}).Draw(t, "end"))
		}
		return b.String()
	})
}

func TestNoLineIsLostSilently(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := importer.Input{Name: "x", Data: []byte(crontabs().Draw(t, "crontab")), Users: rapid.Bool().Draw(t, "users")}
		o := quick()
		o.CommentedOut = rapid.Bool().Draw(t, "commented out")
		o.IgnoreCronTZ = rapid.Bool().Draw(t, "ignore CRON_TZ")
		result, err := importer.Import(importer.Crontab, []importer.Input{in}, o)
		if err != nil {
			t.Fatal(err)
		}
		if gone := lost(in, result); len(gone) > 0 {
			t.Fatalf("lost: %q", gone)
		}
		names := map[crontopus.JobName]bool{}
		for _, job := range result.Jobs {
			if _, problems := manifests.Decode("x", []byte(job.Manifest)); len(problems) > 0 || names[job.Name] {
				t.Fatalf("%v\n%s", problems, job.Manifest)
			}
			names[job.Name] = true
		}
	})
}
