package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

func TestAWindowIsFromItsStartUntilBeforeItsEnd(t *testing.T) {
	t.Parallel()
	day := func(hour, minute int) time.Time { return time.Date(2026, 7, 1, hour, minute, 0, 0, time.UTC) }
	once := crontopus.WindowSpec{Start: "2026-07-01T12:00:00Z", End: "2026-07-01T14:00:00Z"}
	daily := crontopus.WindowSpec{Schedule: crontopus.Schedules{"0 14 * * *"}, Timezone: "Europe/Berlin", Duration: crontopus.Duration(2 * time.Hour)}
	for name, c := range map[string]struct {
		spec   crontopus.WindowSpec
		at     time.Time
		inside bool
	}{
		"once, before":             {once, day(11, 59), false},
		"once, from its start on":  {once, day(12, 0), true},
		"once, until its end":      {once, day(13, 59), true},
		"once, at its end":         {once, day(14, 0), false},
		"daily, before":            {daily, day(11, 59), false},
		"daily, from its start on": {daily, day(12, 0), true},
		"daily, until its end":     {daily, day(13, 59), true},
		"daily, at its end":        {daily, day(14, 0), false},
		"no start":                 {crontopus.WindowSpec{End: once.End}, day(13, 0), false},
		"no end":                   {crontopus.WindowSpec{Start: once.Start}, day(13, 0), false},
		"no schedule":              {crontopus.WindowSpec{Schedule: crontopus.Schedules{"never"}, Timezone: "UTC", Duration: daily.Duration}, day(13, 0), false},
	} {
		end, inside := schedule.Window(&crontopus.MaintenanceWindow{Metadata: crontopus.Metadata{Name: "w", Namespace: "default"}, Spec: c.spec}, c.at)
		require.Equal(t, c.inside, inside, name)
		if inside {
			require.Equal(t, day(14, 0), end, name)
		}
	}
}
