package agent_test

import (
	"errors"
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
