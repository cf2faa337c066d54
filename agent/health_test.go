package agent_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/agent"
)

func TestWhatAHostSaysOfItsSilence(t *testing.T) {
	onDuty(t, func(d *duty) {
		host := d.server.lastReport(t).Host
		require.NotNil(t, host)
		require.Equal(t, agent.BootID(), host.BootID)
		require.NotNil(t, host.BootedAt)
		require.Equal(t, time.Now().UTC(), host.StartedAt)
		require.Nil(t, host.UnheardSince, "it was heard from the first")

		d.after(time.Minute)
		d.server.fail(errors.New("no route to host"))
		cut := time.Now()
		d.after(10 * time.Minute)
		d.server.fail(nil)
		d.after(20 * time.Second) // within which it looks whether the server is back
		host = d.server.lastReport(t).Host
		require.Equal(t, "no route to host", host.UnheardWhy)
		require.WithinDuration(t, cut, *host.UnheardSince, time.Minute)
		require.WithinDuration(t, cut.Add(10*time.Minute), *host.UnheardUntil, 20*time.Second)
		require.True(t, host.StartedAt.Before(cut))
	})
}

// Nobody but the daemon can tell that time went on without it, and a clock that is set is no such thing.
func TestADaemonNoticesThatItStoodStill(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.after(time.Minute)
		d.skew.Store(int64(time.Hour))
		d.after(time.Minute)
		host := d.server.lastReport(t).Host
		require.Nil(t, host.Slept)
		require.Nil(t, host.Suspended)

		d.slept.Store(int64(8 * time.Hour))
		d.skew.Add(int64(8 * time.Hour))
		d.after(time.Minute)
		host = d.server.lastReport(t).Host
		require.NotNil(t, host.Slept)
		require.InDelta(t, 8*time.Hour, host.Slept.Until.Sub(host.Slept.Since), float64(time.Minute))
		require.Nil(t, host.Suspended)

		d.stood.Store(int64(10 * time.Minute))
		d.skew.Add(int64(10 * time.Minute))
		d.after(time.Minute)
		host = d.server.lastReport(t).Host
		require.NotNil(t, host.Suspended)
		require.InDelta(t, 10*time.Minute, host.Suspended.Until.Sub(host.Suspended.Since), float64(time.Minute))
	})
}

// What was due before the host, or its agent, was started anew is judged by until when it was up.
func TestADaemonSaysUntilWhenTheOneBeforeItWasAtWork(t *testing.T) {
	onDuty(t, func(d *duty) {
		require.Nil(t, d.server.lastReport(t).Host.AliveUntil, "there was none")
		d.after(10 * time.Minute)
		noted, err := os.Stat(d.state.ReportFile())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), noted.ModTime(), time.Minute, "one that is killed has noted it with its last poll")
		d.stop()
		ended := time.Now().UTC()
		d.after(5 * time.Minute)
		d.stop = d.start()
		d.after(time.Minute)
		require.Equal(t, &ended, d.server.lastReport(t).Host.AliveUntil)
	})
}

// What was due while nothing started entries is judged later, when that may be over.
func TestASchedulerThatWasDeadIsRemembered(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.after(time.Minute)
		d.table.dies("no cron daemon is running")
		died := time.Now()
		d.after(2 * time.Minute)
		host := d.server.lastReport(t).Host
		require.Equal(t, "no cron daemon is running", host.SchedulerDead)
		require.Nil(t, host.SchedulerWas)
		d.table.dies("")
		lives := time.Now()
		d.after(2 * time.Minute)
		host = d.server.lastReport(t).Host
		require.Empty(t, host.SchedulerDead)
		require.Equal(t, "no cron daemon is running", host.SchedulerWas.Why)
		require.WithinDuration(t, died, host.SchedulerWas.Since, time.Minute)
		require.WithinDuration(t, lives, host.SchedulerWas.Until, time.Minute)
	})
}

func TestASchedulerThatIsRestartedWasNotDead(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.after(time.Minute)
		d.table.dies("no cron daemon is running")
		d.daemon.Wake()
		d.after(time.Second)
		d.table.dies("")
		d.daemon.Wake()
		d.after(2 * time.Minute)
		host := d.server.lastReport(t).Host
		require.Empty(t, host.SchedulerDead)
		require.Nil(t, host.SchedulerWas)
	})
}

// A report is due again after a while; a clock that goes back must not put that off for years.
func TestAClockThatIsSetBackIsToldOf(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.after(time.Minute)
		d.skew.Store(int64(-10 * 365 * 24 * time.Hour))
		d.after(2 * time.Minute)
		require.WithinDuration(t, time.Now().AddDate(-10, 0, 0), d.server.lastReport(t).At, 4*24*time.Hour)
	})
}
