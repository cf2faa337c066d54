package schedule_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

func TestAZoneThatIsNoneIsToldWhichOneWasMeant(t *testing.T) {
	const usual = "write an IANA name such as UTC, Europe/Berlin or America/New_York"
	for _, c := range []struct{ situation, zone, hint string }{
		{"small letters", "europe/berlin", "did you mean Europe/Berlin?"},
		{"capitals", "AMERICA/NEW_YORK", "did you mean America/New_York?"},
		{"a blank for the underscore", "America/New York", "did you mean America/New_York?"},
		{"a city alone", "Kathmandu", "did you mean Asia/Kathmandu?"},
		{"a city alone, in small letters", "helsinki", "did you mean Europe/Helsinki?"},
		{"a city two levels down", "Knox", "did you mean America/Indiana/Knox?"},
		{"a wrong letter", "Europe/Helsinky", "did you mean Europe/Helsinki?"},
		{"letters swapped, and small", "asia/toyko", "did you mean Asia/Tokyo?"},
		{"utc in small letters", "utc", "did you mean UTC?"},
		{"blanks around it", " Europe/Paris ", "did you mean Europe/Paris?"},
		{"the host's own zone", "Local", usual},
		{"nothing like it", "Middle-earth/Shire", usual},
		{"longer than any zone", strings.Repeat("Europe/Berlin/", 100_000), usual},
		{"nothing", "", usual},
	} {
		t.Run(c.situation, func(t *testing.T) {
			_, err := schedule.New([]string{"@daily"}, c.zone, seed)
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
			require.ErrorContains(t, err, "is not a time zone")
			require.Equal(t, c.hint, crontopus.ErrorHint(err))
		})
	}
}

// TestEveryZoneThatIsSuggestedIsOne keeps a suggestion from leading into the next error.
func TestEveryZoneThatIsSuggestedIsOne(t *testing.T) {
	text, err := os.ReadFile("zonenames.txt")
	require.NoError(t, err)
	names := strings.Fields(string(text))
	require.Greater(t, len(names), 400)
	require.IsNonDecreasing(t, names)
	for _, name := range names {
		_, err := schedule.Location(name)
		require.NoError(t, err)
	}
}

func TestAZoneInsideTheScheduleIsSentToItsField(t *testing.T) {
	for _, expr := range []string{
		"TZ=UTC 30 2 * * *", "CRON_TZ=Europe/Berlin 30 2 * * *", "CRON_TZ=UTC @daily", " TZ=UTC\t2 * * *", "TZ=", "CRON_TZ=Asia/Tokyo * * * * * *",
	} {
		_, err := schedule.Parse(expr, seed)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), expr)
		require.ErrorContains(t, err, "sets a time zone inside the schedule")
		require.Equal(t, "leave "+strings.Fields(expr)[0]+" out, and name the zone in spec.timezone (schedule next: --timezone)", crontopus.ErrorHint(err))
	}
}
