package app_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// onlyOnce is a job that is due at 12:02 alone.
func onlyOnce(name, host, run string) string {
	return strings.Replace(jobOf(name, host, run), `"58 11 * * *", "2,10 12 * * *"`, `"2 12 * * *"`, 1)
}

const pingedJob = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: pinged}
spec:
  schedule: "2 12 * * *"
  target: {ping: true}
  monitor: {grace: 2m}
`

// The server is away for six minutes, in which a job was due. What the hosts did meanwhile is
// judged when they have told it; what nobody could hear is said to be the server's own fault.
func TestAServerThatWasAwaySaysSo(t *testing.T) {
	t.Parallel()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "jobs", map[string]string{"well.yaml": jobOf("well", "well", ""), "fails.yaml": onlyOnce("fails", "fails", failing),
		"gone.yaml": jobOf("on-gone", "gone", ""), "pinged.yaml": pingedJob})
	var read map[string]crontopus.Incident
	synctest.Test(t, func(t *testing.T) {
		clock("11:57:40")
		v := newVillage(t, repo, func(*app.Options) {})
		hosts := map[string]*villager{}
		for _, name := range []string{"well", "fails", "gone", "late"} {
			hosts[name] = v.settles(name)
		}
		clock("12:00:00")
		hosts["late"].cable(false)
		v.push("a job that its host does not hear of in time", map[string]string{"late.yaml": onlyOnce("new", "late", "")})
		clock("12:00:30")
		v.stop()
		hosts["late"].cable(true)
		clock("12:03:00")
		hosts["gone"].off()
		clock("12:06:30")
		v.start()
		time.Sleep(time.Second)
		require.Empty(t, v.incidents(), "nobody is judged before the hosts are heard")
		clock("12:13:00")
		read = v.incidents()
	})
	require.Equal(t, []string{"fails on fails", "gone", "new on late", "pinged"}, slices.Sorted(maps.Keys(read)))
	for about, want := range map[string]telling{
		"fails on fails": {kind: crontopus.AlertFailed, code: crontopus.CauseExitCode, says: []string{"failed at 12:02 UTC", "exit code 3"}},
		"gone":           {kind: crontopus.AlertAgentOffline, code: crontopus.CauseHostSilent, says: []string{"gone was last heard of at 1", "and not since the server, which was away, is back (12:06 UTC)"}},
		"new on late": {kind: crontopus.AlertMissed, code: crontopus.CauseServerAway,
			says: []string{"did not start at 12:02 UTC: the server itself was away until 12:06 UTC, and late had not got the entry from it before"}},
		"pinged": {kind: crontopus.AlertMissed, code: crontopus.CauseServerAway, says: []string{"pinged was not heard of at 12:02 UTC: the server itself was away until 12:06 UTC"}},
	} {
		in := read[about]
		want.check(t, &in)
	}
}
