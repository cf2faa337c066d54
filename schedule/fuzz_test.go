package schedule_test

import (
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// FuzzParse: whatever the text, it is refused with a hint, or it is a schedule that runs,
// and whose crontab line is plain cron, which gronx takes too and which says the same; or
// more, where there is a gate. Every scheduler can be told something.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"* * * * *", "*/15 0-23/6 1,15 jan-mar fri-7", "0 0 29 2 */7", "0 0 31 2 *", "5/15 22-2 * * fri-sun", "@reboot", "@weekly", "H L 15W # ?", "H(0-29)/10 H/3 L-3,15W * *", "h h(1-5) LW 2 fri#2,7L", "0 0 1W * 1#5", "0 0 30W 2 5", "0 0 * * 1\n", "*,* 5,* */31 12 sun"} {
		f.Add(seed)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expr string) {
		set, err := schedule.New([]string{expr}, "UTC", seed)
		if err != nil {
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
			require.NotEmpty(t, crontopus.ErrorHint(err))
			return
		}
		require.NotEmpty(t, set.Words())
		lines, _ := set.Systemd(at)
		require.NotEmpty(t, lines)
		lines, _ = set.TaskScheduler("UTC", at)
		require.NotEmpty(t, lines)
		lines, _ = set.Launchd("UTC", at)
		require.NotEmpty(t, lines)
		if set.Reboot() {
			return
		}
		next, ok := set.Next(at)
		require.True(t, ok)
		prev, ok := set.Prev(next)
		require.True(t, ok)
		require.Equal(t, next, prev)

		lines, gated := set.Crontab("UTC")
		require.True(t, gronx.IsValid(lines[0]), lines[0])
		require.NotRegexp(t, "[a-zA-Z#]", lines[0])
		again := mustNew(t, "UTC", lines[0])
		for range 3 {
			started, ok := again.Next(at)
			require.True(t, ok)
			if gated {
				started, ok = again.Prev(next)
				require.True(t, ok)
			}
			require.Equal(t, next, started, "%s starts it", lines[0])
			at = next
			next, ok = set.Next(at)
			require.True(t, ok)
		}
		same, _ := again.Crontab("UTC")
		require.Equal(t, lines, same)
	})
}
