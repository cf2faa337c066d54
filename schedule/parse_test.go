package schedule_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// seed is what the job of these tests is called.
const seed = "production/nightly-backup"

func TestParseTakes(t *testing.T) {
	for _, expr := range []string{
		"* * * * *", "*/15 0-23/6 1,15 */2 1-5", "0 0 29 2 *", "0 0 29 2 */7", "0 0 31 2 1", "0 0 31 1,2 *",
		"0 0 * JAN-Mar sun", "0 0 * * 5-7", "0 0 * * fri-7", "0 0 * * 0-7", "59 23 31 12 7", "*/60 */24 */31 */12 */7",
		"007 2 * * *", "  0 2\t* *  * ", "5-5 1,1,1 * * *", "5-7/30 * * * *", "*,5 5,* * * *", "0 0 1-1 * *",
		"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@reboot",
	} {
		s, err := schedule.Parse(expr, seed)
		require.NoError(t, err, expr)
		require.Equal(t, expr, s.String())
		require.Equal(t, expr == "@reboot", s.Reboot())
	}
}

func TestParseRefuses(t *testing.T) {
	const invalid = crontopus.CodeInvalid
	const minutes = "write 0 to 59, or * for all"
	tests := []struct {
		situation           string
		expr                string
		code, message, hint string
	}{
		{"a step without a range", "5/15 * * * *", invalid, `"5/15" in the minute has a step but no range`, "write 5-59/15 to begin at 5, or 5 alone"},
		{"a step after a name", "0 0 * * mon/2", invalid, `"mon/2" in the day of week has a step but no range`, "write mon-6/2 to begin at mon, or mon alone"},
		{"a range over midnight", "0 22-2 * * *", invalid, `"22-2" in the hour runs backwards`, "write 22-23,0-2"},
		{"a range up to midnight", "0 22-0 * * *", invalid, `"22-0" in the hour runs backwards`, "write 22-23,0"},
		{"a range over midnight with a step", "0 22-2/2 * * *", invalid, `"22-2/2" in the hour runs backwards`, "write 22,0,2"},
		{"a range over the end of the year", "0 0 1 nov-feb *", invalid, `"nov-feb" in the month runs backwards`, "write nov-dec,jan-feb"},
		{"a range that ends on Sunday", "0 0 * * fri-sun", invalid, `"fri-sun" in the day of week runs backwards`, "write fri-sat,sun"},
		{"a range over the end of the week", "0 0 * * SAT-MON", invalid, `"SAT-MON" in the day of week runs backwards`, "write sat,sun-mon"},
		{"a range of numbers over the end of the week", "0 0 * * 5-1", invalid, `"5-1" in the day of week runs backwards`, "write 5-6,0-1"},
		{"a range from the last day of the week, as 7", "0 0 * * 7-1", invalid, `"7-1" in the day of week runs backwards`, "write 0-1"},
		{"a step larger than its field", "*/90 * * * *", invalid, `"*/90" in the minute has a step larger than the field`, "steps begin anew with each round of the field; write a step from 1 to 60"},
		{"a step larger than the week", "0 0 * * */8", invalid, `"*/8" in the day of week has a step larger than the field`, "steps begin anew with each round of the field; write a step from 1 to 7"},
		{"a step larger than any number", "*/99999999999999999999 * * * *", invalid, `"*/99999999999999999999" in the minute has a step larger than the field`, "steps begin anew with each round of the field; write a step from 1 to 60"},
		{"step 0", "0-30/0 * * * *", invalid, `"0-30/0" in the minute has the step 0`, "write a step from 1 to 60"},
		{"a step that is no number", "*/-5 * * * *", invalid, `"*/-5" in the minute has a step that is not a number`, "write a number after the slash, such as */5"},
		{"a step of nothing", "*/ * * * *", invalid, `"*/" in the minute has a step that is not a number`, "write a number after the slash, such as */5"},
		{"two steps", "*/5/5 * * * *", invalid, `"*/5/5" in the minute has a step that is not a number`, "write a number after the slash, such as */5"},
		{"February has no 31st", "0 0 31 2 *", invalid, `"0 0 31 2 *" names a date that never comes`, "its months have at most 29 days; write a day of the month from 1 to 29"},
		{"nor a 30th", "0 0 30 feb *", invalid, `"0 0 30 feb *" names a date that never comes`, "its months have at most 29 days; write a day of the month from 1 to 29"},
		{"months of 30 days", "0 0 31 4,6,9,11 *", invalid, `"0 0 31 4,6,9,11 *" names a date that never comes`, "its months have at most 30 days; write a day of the month from 1 to 30"},
		{"a weekday does not help where both must match", "0 0 30 2 */2", invalid, `"0 0 30 2 */2" names a date that never comes`, "its months have at most 29 days; write a day of the month from 1 to 29"},
		{"minute 60", "60 * * * *", invalid, `"60" in the minute is out of range`, minutes},
		{"hour 24", "0 24 * * *", invalid, `"24" in the hour is out of range`, "write 0 to 23, or * for all"},
		{"day 0", "0 0 0 * *", invalid, `"0" in the day of month is out of range`, "write 1 to 31, or * for all"},
		{"month 13", "0 0 1 13 *", invalid, `"13" in the month is out of range`, "write 1 to 12, or jan to dec, or * for all"},
		{"day of the week 8", "0 0 * * 5-8", invalid, `"5-8" in the day of week is out of range`, "write 0 to 7, or sun to sat, or * for all"},
		{"a number larger than any", "99999999999999999999 * * * *", invalid, `"99999999999999999999" in the minute is out of range`, minutes},
		{"a sign", "+5 * * * *", invalid, `"+5" in the minute is not a minute`, minutes},
		{"a negative number", "-5 * * * *", invalid, `"-5" in the minute is not a minute`, minutes},
		{"a star and more", "*5 * * * *", invalid, `"*5" in the minute is not a minute`, minutes},
		{"half a range", "5- * * * *", invalid, `"5-" in the minute is not a minute`, minutes},
		{"a range of three", "1-5-9 * * * *", invalid, `"1-5-9" in the minute is not a minute`, minutes},
		{"an empty item", "1,,2 * * * *", invalid, `"1,,2" in the minute leaves a value out`, minutes},
		{"a comma at the end", "1, * * * *", invalid, `"1," in the minute leaves a value out`, minutes},
		{"digits of another script", "٣ * * * *", invalid, `"٣" in the minute is not a minute`, minutes},
		{"a name in another field", "0 0 * mon *", invalid, `"mon" in the month is not a month`, "write 1 to 12, or jan to dec, or * for all"},
		{"a month as a weekday, which ends with L", "0 0 * * jul", invalid, `"jul" in the day of week is not a day of week`, "write 0 to 7, or sun to sat, or * for all"},
		{"a name in full", "0 0 * * Monday", invalid, `"Monday" in the day of week is not a day of week`, "write mon"},
		{"a question mark", "0 0 ? * mon", invalid, `"?" in the day of month is not a day of month`, "write *"},
		{"nothing", "", invalid, "the schedule is empty", "write five fields, such as 30 2 * * * for 02:30 every day"},
		{"blanks", " \t ", invalid, "the schedule is empty", "write five fields, such as 30 2 * * * for 02:30 every day"},
		{"a word", "daily", invalid, `"daily" has 1 field and not 5: minute, hour, day of month, month, day of week`, "write five fields, such as 30 2 * * * for 02:30 every day"},
		{"four fields", "0 0 * *", invalid, `"0 0 * *" has 4 fields and not 5: minute, hour, day of month, month, day of week`, "write five fields with blanks between them; a list such as 1,15 has none"},
		{"seconds", "0 30 2 * * *", invalid, `"0 30 2 * * *" has 6 fields and not 5: minute, hour, day of month, month, day of week`, "cron has neither seconds nor years; leave them out"},
		{"a second line", "0 0 * * *\n* * * * *", invalid, `"0 0 * * *\n* * * * *" has 9 fields and not 5: minute, hour, day of month, month, day of week`, "write five fields with blanks between them; a list such as 1,15 has none"},
		{"a line break at the end", "0 0 * * 1\n", invalid, `"1\n" in the day of week is not a day of week`, "write 0 to 7, or sun to sat, or * for all"},
		{"a macro in capitals", "@Daily", invalid, `"@Daily" is not a schedule`, "write @daily"},
		{"a macro of another cron", "@every 5m", invalid, `"@every 5m" is not a schedule that cron knows`, "write a step instead, such as */5 * * * * for every five minutes"},
		{"no such macro", "@nightly", invalid, `"@nightly" is not a schedule`, "write five fields or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually and @reboot"},
		{"a very long one", strings.Repeat("1,", 300) + "1 * * * *", invalid, "the schedule has 609 characters; the most is 512", "use ranges and steps, such as 0-59/5"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			_, err := schedule.Parse(tt.expr, seed)
			requireError(t, err, tt.code, tt.message, tt.hint)
		})
	}
}
