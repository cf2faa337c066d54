package api_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// However wrong a clock is, the agent gets its bundle, its check-ins are taken as it says
// them, and the server knows how far the clock is off.
func TestAHostWithAWrongClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{
		"an hour ahead": time.Hour, "an hour behind": -time.Hour,
		"ten years ahead": 10 * 365 * 24 * time.Hour, "ten years behind": -10 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.now = func() time.Time { return time.Now().Add(-ahead) } // to the server, we are ahead
			s.publish(1, "one")
			c := s.asAgent()
			raw, _, changed, err := c.Bundle(t.Context(), "", 0, time.Time{})
			require.NoError(t, err)
			require.True(t, changed)
			require.Equal(t, "one", string(raw))

			checkIn := crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: backup, Event: crontopus.EventSuccess, At: time.Now()}
			for range 2 { // sent twice
				results, err := c.CheckIns(t.Context(), []crontopus.CheckIn{checkIn})
				require.NoError(t, err)
				require.Equal(t, 200, results[0].Status)
			}
			require.Len(t, s.store.runs, 1)

			require.NoError(t, c.Report(t.Context(), crontopus.AgentReport{At: time.Now(), Scheduler: "crontab", ReceivedAt: time.Unix(1, 0)}))
			kept := s.store.reports[agentID]
			require.InDelta(t, ahead.Seconds(), kept.ClockSkew().Seconds(), 5, "the server's word counts, not the host's")
			challenged := 0
			for _, line := range s.seen.heard(t, 5) {
				if line == "GET /api/v1/agent/bundle 401" {
					challenged++
				}
			}
			require.Equal(t, 1, challenged, "it learns the time once")
		})
	}
}

// The command that rotates the key is a process of its own, which has asked the server nothing before.
func TestAHostWithAWrongClockRotatesItsKey(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"an hour ahead": time.Hour, "ten years behind": -10 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.now = func() time.Time { return time.Now().Add(-ahead) }
			_, next, err := ed25519.GenerateKey(nil)
			require.NoError(t, err)
			require.NoError(t, s.asAgent().RotateAgentKey(t.Context(), next))
		})
	}
}

// The server's clock jumps back, as when NTP mends it, and forth again: agents follow.
func TestTheServersClockIsSetBackAndForth(t *testing.T) {
	s := newServer(t)
	s.publish(1, "one")
	c := s.asAgent()
	_, tag, _, err := c.Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	for _, off := range []time.Duration{-time.Hour, 0, -10 * 365 * 24 * time.Hour, 0, time.Hour} {
		s.now = func() time.Time { return time.Now().Add(off) }
		_, _, changed, err := c.Bundle(t.Context(), tag, 0, time.Now())
		require.NoError(t, err, off)
		require.False(t, changed, "%s: no other bundle for that", off)
		require.WithinDuration(t, s.now(), c.Now(), 5*time.Second)
	}
}
