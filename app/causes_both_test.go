package app_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/filelock"
	"crontopus.dev/crontopus/internal/gittest"
)

// together are hardships of which each alone would be another story.
var together = []hardship{
	{host: "off-until-later", grace: "9m", harm: (*villager).off, mend: (*villager).boot, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CausePoweredOff, says: []string{"off-until-later was off or restarting"}, missed: 1},
	}, no: []string{"on-off-until-later on off-until-later"}},
	{host: "cut-and-deleted", harm: unplugged, brink: deleted, mend: plugged, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseNetworkCut, says: []string{"could not reach the server"}},
		{about: "on-cut-and-deleted", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseEntryDeleted, says: []string{"did not start at 12:02 UTC", "its entry was deleted by hand on cut-and-deleted, found and put back at 12:0"}, missed: 1},
	}},
	{host: "cut-and-cronless", harm: func(h *villager) { unplugged(h); h.endCron() }, mend: func(h *villager) { h.startCron(); plugged(h) }, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseNetworkCut},
		{about: "on-cut-and-cronless", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseSchedulerDead, says: []string{"did not start at 12:02 UTC", "nothing started entries on cut-and-cronless until 12:0", "no cron daemon"}, missed: 1},
	}},
	{host: "off-and-suspended", harm: (*villager).off, push: map[string]string{"off-and-suspended.yaml": jobOf("on-off-and-suspended", "off-and-suspended", "") + "  suspend: true\n"}, mend: (*villager).boot, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CausePoweredOff},
	}, no: []string{"on-off-and-suspended on off-and-suspended"}},
	{host: "edited-then-off", brink: edited, soon: (*villager).off, mend: (*villager).boot, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CausePoweredOff},
		{about: "on-edited-then-off", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseEntryEdited, says: []string{"did not start at 12:02 UTC: its entry was edited by hand"}, missed: 1},
	}},
	{host: "stopped-and-edited", harm: func(h *villager) { h.endDaemon() }, brink: edited, mend: (*villager).startDaemon, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseAgentStopped},
		{about: "on-stopped-and-edited", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseEntryEdited, says: []string{"did not start at 12:02 UTC", "its entry was edited by hand", "found and put right at 12:08"}, missed: 1},
	}},
	{host: "locked-and-cronless", harm: func(h *villager) { h.endCron(); occupied(h) }, mend: (*villager).startCron, told: []telling{
		{about: "on-locked-and-cronless", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseSchedulerDead, says: []string{"did not start at 12:02 UTC", "no cron daemon is running"}},
		{about: "on-locked-and-cronless", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseStillRunning, says: []string{"did not start at 12:10 UTC", "the job's last run still goes on: it began at 2031-03-04T11:58:00Z"}, missed: 2},
	}},
	{host: "paused-and-stopped", harm: (*villager).pauses, brink: func(h *villager) { h.endDaemon() }, mend: (*villager).startDaemon, told: []telling{
		{about: "on-paused-and-stopped", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseAgentPaused, says: []string{"did not start at 12:02 UTC", "paused"}},
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseAgentStopped, evidence: []string{"paused: by hand"}},
	}},
	{host: "expired-and-ahead", harm: func(h *villager) {
		h.tampers(h.old())
		h.sets(func() { h.skew = time.Hour })
	}, push: map[string]string{"expired-and-ahead-new.yaml": jobOf("new-ahead", "expired-and-ahead", "")}, told: []telling{
		{at: mended, kind: crontopus.AlertBundleExpired, code: crontopus.CauseClockWrong, says: []string{"the clock of expired-and-ahead is 1h ahead, so that it takes its bundle for expired"}},
		{about: "new-ahead", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseClockWrong, says: []string{"the clock of expired-and-ahead is 1h ahead"}},
	}},
	{host: "rescheduled-and-cut", harm: unplugged, push: map[string]string{"rescheduled-and-cut.yaml": rescheduled("rescheduled-and-cut", "4 12 * * *")}, mend: plugged, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseNetworkCut},
		{about: "on-rescheduled-and-cut", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseNetworkCut, says: []string{"did not start at 12:04 UTC", "could not reach the server until 12:08 UTC, and had not got the entry from it before"}, missed: 1},
	}},
	{host: "restarted", brink: (*villager).off, soon: (*villager).boot, told: []telling{
		{about: "on-restarted", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CausePoweredOff, says: []string{"did not start at 12:02 UTC: restarted was off until 12:02 UTC"}, missed: 1},
	}},
	{host: "deleted-and-restarted", brink: deleted, soon: func(h *villager) { h.off(); h.boot() }, told: []telling{
		{about: "on-deleted-and-restarted", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseEntryDeleted, says: []string{"did not start at 12:02 UTC: its entry was deleted by hand"}, missed: 1},
	}},
	{host: "gives-up", run: `{command: [/bin/sh, -c, "echo x >> FOLDER/count; exit $(( ($(wc -l < FOLDER/count) - 1) % 3 + 1 ))"], retries: {limit: 2, backoff: 1s}}`, told: []telling{
		{about: "on-gives-up", at: harmed, kind: crontopus.AlertFailed, code: crontopus.CauseExitCode, says: []string{"exit code 3 (the last of 3 attempts)"}, evidence: []string{"attempts: 3"}},
	}},
	{host: "refused-and-failing", run: failing, harm: func(h *villager) { h.tampers(forged) }, push: map[string]string{"refused-and-failing-new.yaml": jobOf("new-refused", "refused-and-failing", "")}, told: []telling{
		{at: harmed, kind: crontopus.AlertDrift, code: crontopus.CauseBundleRefused},
		{about: "on-refused-and-failing", at: harmed, kind: crontopus.AlertFailed, code: crontopus.CauseExitCode, says: []string{"exit code 3"}},
		{about: "new-refused", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseBundleRefused},
	}},
}

func occupied(h *villager) {
	job := "on-" + h.name
	lock, err := filelock.TryLock(filepath.Join(h.state.LocksDir(), "default."+job))
	require.NoError(h.v.t, err)
	require.NoError(h.v.t, lock.SetNote("\nrun 1 since 2031-03-04T11:58:00Z\n"))
	h.v.t.Cleanup(func() { require.NoError(h.v.t, lock.Close()) })
}

func rescheduled(host, when string) string {
	return fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: on-%s}\nspec:\n  schedule: %q\n  target: {agents: [%s]}\n  run: {command: [/bin/true]}\n  monitor: {grace: 2m}\n", host, when, host)
}

// An entry is deleted, and its grace is over before its agent looks for that: who was told that nobody knows why
// is told once it is found.
func TestACauseThatIsFoundLaterIsToldLater(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.Config.SetKeepAlivesEnabled(false)
	repo := gittest.NewRepo(t)
	repo.Commit(t, "a hasty job", map[string]string{"job.yaml": strings.Replace(onlyOnce("backup", "hasty", ""), "grace: 2m", "grace: 10s", 1),
		"alerting.yaml": strings.NewReplacer("HOST", "hasty", "URL", p.URL).Replace(villageAlerting)})
	var read map[string]crontopus.Incident
	synctest.Test(t, func(t *testing.T) {
		clock("11:57:40")
		v := newVillage(t, repo, func(*app.Options) {})
		h := v.settles("hasty")
		clock("12:00:30")
		h.endDaemon()
		h.startDaemon() // which looks now, and five minutes later
		clock("12:01:58")
		deleted(h)
		clock("12:07:00")
		read = v.incidents()
	})
	in := read["backup on hasty"]
	told := map[string]string{}
	for _, m := range p.heard() {
		require.Equal(t, in.ID, m.Data.Incident.ID)
		told[m.Type] = m.Data.Text
	}
	require.Len(t, told, 2)
	require.Contains(t, told["incident.opened"], "backup on hasty did not start at 12:02 UTC: hasty is online")
	require.Contains(t, told["incident.changed"], "backup on hasty did not start at 12:02 UTC: its entry was deleted by hand on hasty, found and put back at 12:0")
	require.Equal(t, crontopus.CauseEntryDeleted, in.Cause.Code)
	require.WithinRange(t, in.OpenedAt, in.Missed[0].Due.Add(10*time.Second), in.Missed[0].Due.Add(65*time.Second)) // once its agent has been heard of
}

// Of more than one thing that is wrong, what is told must be what kept the job from running.
func TestHardshipsThatComeTogetherAreNamed(t *testing.T) {
	t.Parallel()
	together := slices.Clone(together)
	for i := range together {
		together[i].run = strings.ReplaceAll(together[i].run, "FOLDER", t.TempDir())
	}
	befall(t, together)
}
