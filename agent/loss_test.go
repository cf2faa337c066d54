package agent_test

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

func TestARunThatCannotKeepWhatItSaysTellsTheDaemon(t *testing.T) {
	h := newHost(t, sh("exit 3"))
	heard := make(chan string, 10)
	stop, err := h.State.OnLoss(func(why string) { heard <- why })
	require.NoError(t, err)
	defer stop()
	require.NoError(t, os.RemoveAll(h.State.SpoolDir()))
	code, err := h.Exec(t.Context(), h.job.Name(), false)
	require.NoError(t, err)
	require.Equal(t, 3, code, "the job's own, whatever becomes of the check-in")
	why := <-heard
	require.Contains(t, why, "default/job: cannot spool a check-in: ")
	require.Contains(t, why, "no such file or directory")
}

func TestWhatIsSaidOfALossIsOneShortLine(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.False(t, state.Lose("full"), "there is no daemon")
	heard := make(chan string, 10)
	stop, err := state.OnLoss(func(why string) { heard <- why })
	require.NoError(t, err)
	require.True(t, state.Lose("first\nsecond"))
	require.True(t, state.Lose(strings.Repeat("ä", 10_000)))
	require.Equal(t, "first second", <-heard)
	long := <-heard
	require.Less(t, len(long), 2000)
	require.True(t, utf8.ValidString(long))
	stop()
	require.False(t, state.Lose("full"), "the daemon has ended")

	_, err = agent.State{Dir: state.Dir + "/gone"}.OnLoss(func(string) {})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLostCheckInsAreReported(t *testing.T) {
	onDuty(t, func(d *duty) {
		lost := func() *crontopus.Outage { return d.server.lastReport(t).Host.CheckInsLost }
		d.after(time.Minute)
		require.Nil(t, lost())
		first := time.Now().UTC()
		d.daemon.Lost("no space left on device")
		d.settle()
		require.Equal(t, &crontopus.Outage{Since: first, Until: first, Why: "no space left on device"}, lost())

		_, told := d.server.counted()
		d.after(10 * time.Second)
		last := time.Now().UTC()
		for range 1000 { // all jobs of a host, at the full hour
			d.daemon.Lost("disk quota exceeded")
		}
		d.settle()
		_, now := d.server.counted()
		require.Equal(t, told, now, "the same trouble is no reason to hurry")
		d.after(5 * time.Minute)
		require.Equal(t, &crontopus.Outage{Since: first, Until: last, Why: "disk quota exceeded"}, lost())

		d.stop()
		d.stop = d.start()
		require.Equal(t, first, lost().Since, "the next daemon tells it, too")

		d.after(2 * time.Hour)
		again := time.Now().UTC()
		d.daemon.Lost("permission denied")
		d.settle()
		require.Equal(t, &crontopus.Outage{Since: again, Until: again, Why: "permission denied"}, lost(), "it is another trouble")
		d.after(8 * 24 * time.Hour)
		require.Nil(t, lost(), "whoever looks into that has done so")
	})
}

// Where the disk is full the report cannot be written down either.
func TestAReportThatCannotBeWrittenDownIsSentAllTheSame(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.after(time.Minute)
		require.NoError(t, os.Remove(d.state.ReportFile()))
		require.NoError(t, os.MkdirAll(d.state.ReportFile()+"/in the way", 0o700))
		d.daemon.Lost("no space left on device")
		d.settle()
		require.NotNil(t, d.server.lastReport(t).Host.CheckInsLost)
	})
}
