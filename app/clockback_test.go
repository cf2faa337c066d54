package app_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// The server's clock is set back by an hour, once while all is well and once while a host is offline: a host that goes
// off is found as soon as ever, one that is back too, and nobody is told anything twice.
func TestAClockThatIsSetBackSilencesNothingAndRepeatsNothing(t *testing.T) {
	for name, o := range map[string]store.Options{
		"SQLite": {Path: filepath.Join(t.TempDir(), "crontopus.db")}, "PostgreSQL": {URL: pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t, o)
			back := func() {
				n.now = n.now.Add(-time.Hour)
				require.NoError(t, n.s.SystemAdopt(t.Context(), n.now)) // as the detector does when it sees that
			}
			three := time.Date(2026, 3, 3, 3, 0, 0, 0, time.UTC)
			for i, job := range n.jobs {
				due := three.Add(time.Duration(i-55) * time.Minute)
				n.until(due.Add(10*time.Second), true)
				n.checkIn(job, due, false)
			}
			n.until(three, true)
			back()
			n.until(n.now.Add(10*time.Minute), true)
			require.Empty(t, n.told)

			gone := n.now
			n.until(gone.Add(4*time.Minute), false)
			require.Equal(t, []string{"opened: db-01 has been offline since 02:09 UTC"}, n.told)
			back()
			n.until(n.now.Add(10*time.Minute), false)
			require.Len(t, n.told, 1)
			require.NoError(t, n.s.SaveReport(t.Context(), crontopus.DefaultTenant, n.agent.ID, crontopus.AgentReport{At: n.now, ReceivedAt: n.now,
				Applied: crontopus.Generation{Epoch: 1, Number: 1}, Host: &crontopus.HostHealth{StartedAt: gone.AddDate(0, 0, -1)}}))
			n.until(n.now.Add(2*time.Minute), true)
			require.Len(t, n.told, 2, "%v", n.told)
			require.Contains(t, n.told[1], "resolved: db-01 could not reach the server")
			require.Equal(t, map[string]int{"incident agentOffline": 1, "opened": 1, "resolved": 1}, n.decided())
		})
	}
}
