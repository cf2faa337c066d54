package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/schedule"
)

func TestHazards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ situation, expr, zone, want string }{
		{"a fixed time in the gap", "30 2 * * *", "Europe/Berlin",
			"moved 2026-03-29T02:30 2026-03-29T03:00:00+02:00, once 2026-10-25T02:30 2026-10-25T02:30:00+02:00"},
		{"the minute at which the clock jumps", "0 2 * * *", "Europe/Berlin",
			"moved 2026-03-29T02:00 2026-03-29T03:00:00+02:00, once 2026-10-25T02:00 2026-10-25T02:00:00+02:00"},
		{"the minute after the jump", "0 3 * * *", "Europe/Berlin", ""},
		{"a wildcard minute in that hour", "*/30 2 * * *", "Europe/Berlin",
			"lost 2026-03-29T02:00 2026-03-29T03:00:00+02:00, lost 2026-03-29T02:30 2026-03-29T03:00:00+02:00, " +
				"twice 2026-10-25T02:00 2026-10-25T02:00:00+02:00, twice 2026-10-25T02:30 2026-10-25T02:30:00+02:00"},
		{"every hour", "30 * * * *", "Europe/Berlin", ""},
		{"every second hour from midnight on", "0 */2 * * *", "Europe/Berlin",
			"lost 2026-03-29T02:00 2026-03-29T03:00:00+02:00, twice 2026-10-25T02:00 2026-10-25T02:00:00+02:00"},
		{"not on a Sunday", "30 2 * * 1-5", "Europe/Berlin", ""},
		{"a zone without changes", "30 2 * * *", "UTC", ""},
		{"half an hour", "45 1 * * *", "Australia/Lord_Howe", "once 2026-04-05T01:45 2026-04-05T01:45:00+11:00"},
		{"midnight", "15 0 * * *", "Africa/Cairo", "moved 2026-04-24T00:15 2026-04-24T01:00:00+03:00"},
		{"when the host starts", "@reboot", "Europe/Berlin", ""},
	} {
		t.Run(c.situation, func(t *testing.T) {
			t.Parallel()
			set, err := schedule.New([]string{c.expr}, c.zone, "default/job")
			require.NoError(t, err)
			var got string
			for i, h := range set.Hazards(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
				if i > 0 {
					got += ", "
				}
				got += h.Kind + " " + h.Local + " " + h.At.Format(time.RFC3339)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// The runs themselves are the second opinion: what is moved, once or twice is among them
// at that instant, and what is lost is not.
func TestHazardsAgreeWithTheRuns(t *testing.T) {
	t.Parallel()
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"} {
		for _, expr := range []string{"30 2 * * *", "*/20 1-3 * * *", "15 0,1,2,3 * * *", "0 */3 * * *", "59 23 * * 6,0"} {
			set, err := schedule.New([]string{expr}, zone, "default/job")
			require.NoError(t, err)
			var runs []string
			for at, ok := set.Next(from.Add(-time.Second)); ok && at.Before(until); at, ok = set.Next(at) {
				runs = append(runs, at.Format(time.RFC3339))
			}
			for _, h := range set.Hazards(from, until) {
				local, err := time.Parse("2006-01-02T15:04", h.Local)
				require.NoError(t, err)
				wanted := local.Format("2006-01-02T15:04:05")
				count := 0
				for _, run := range runs {
					if run[:len(wanted)] == wanted {
						count++
					}
				}
				want := map[string]int{schedule.HazardMoved: 0, schedule.HazardLost: 0, schedule.HazardOnce: 1, schedule.HazardTwice: 2}[h.Kind]
				require.Equal(t, want, count, "%s in %s: %+v", expr, zone, h)
				if h.Kind != schedule.HazardLost {
					require.Contains(t, runs, h.At.Format(time.RFC3339), "%s in %s: %+v", expr, zone, h)
				}
			}
		}
	}
}
