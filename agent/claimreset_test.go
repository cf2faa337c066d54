package agent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/agent"
	cron "crontopus.dev/crontopus/schedule"
)

// A daemon that was killed after it had written the entries begins their claims again when it
// is back. It may have looked at its clock just before a run did.
func TestAClaimBegunAnewDoesNotRunAnInstantTwice(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	job := claimer("* * * * *")
	set, err := cron.New(job.Spec.Schedule, "UTC", "")
	require.NoError(t, err)
	for minute := range 5 {
		due := at.Add(time.Duration(minute) * time.Minute)
		_, ok, err := state.TakeClaim(job, set, "", due)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, state.ResetClaim(job.Name(), "", due.Add(-time.Millisecond)))
		_, ok, err = state.TakeClaim(job, set, "", due.Add(time.Second))
		require.NoError(t, err)
		require.False(t, ok, "the instant %s was claimed twice", due)
	}
}
