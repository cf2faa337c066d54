package app_test

import (
	"regexp"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// hardship befalls one host, which is named for it and has the job on-HOST. That is due at 11:58,
// when all is well; at 12:02, after the harm; at 12:10, when what can be mended is.
type hardship struct {
	host   string
	run    string            // of its job; "": one that does well
	grace  string            // of its job; "": 2m
	harm   func(h *villager) // at 12:00:30
	push   map[string]string // comes to Git right after
	brink  func(h *villager) // at 12:01:58
	soon   func(h *villager) // at 12:02:30
	mend   func(h *villager) // at 12:08:00
	remend map[string]string // comes to Git then
	told   []telling
	no     []string // about what there must be no incident at all
}

// telling is an incident that there is to be.
type telling struct {
	about    string // "" for the host, else a job on it
	at       story
	kind     crontopus.AlertKind
	code     string
	says     []string // in its sentence
	evidence []string // in its evidence, "what: says"
	missed   int      // runs in it
}

type story int // when an incident is read

const (
	harmed story = iota // at 12:08:00
	mended              // at 12:14:45, when it is over
)

const failing = `{command: [/bin/sh, -c, "echo no such table: orders; exit 3"]}`

var hardships = []hardship{
	{host: "off", harm: (*villager).off, mend: (*villager).boot, told: []telling{
		{at: harmed, kind: crontopus.AlertAgentOffline, code: crontopus.CauseHostSilent, says: []string{"off has been offline since 1"},
			evidence: []string{"last heartbeat: agent v1", "check-ins delivered: all up to then", "generation: 1.", "boot id off-1"}},
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CausePoweredOff, says: []string{"off was off or restarting between 1", "it booted at 12:08 UTC"}, evidence: []string{"boot id off-2"}},
	}},
	{host: "off-and-failing", run: failing, harm: (*villager).off, mend: (*villager).boot, told: []telling{
		{at: harmed, kind: crontopus.AlertAgentOffline, code: crontopus.CauseHostSilent, says: []string{"off-and-failing has been offline since 1"}},
		{about: "on-off-and-failing", at: harmed, kind: crontopus.AlertFailed, code: crontopus.CauseExitCode, says: []string{"failed at 11:58 UTC", "exit code 3"},
			evidence: []string{"exit code: 3", "output: no such table: orders", "last check-in: failed, exit code 3", "last changed by: ", "Alex Author: every host has a job"}},
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CausePoweredOff, says: []string{"off or restarting"}},
	}},
	{host: "cut", harm: unplugged, mend: plugged, told: []telling{
		{at: harmed, kind: crontopus.AlertAgentOffline, code: crontopus.CauseHostSilent, says: []string{"cut has been offline since 1"}},
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseNetworkCut, says: []string{"cut could not reach the server between 1", "went on running its jobs", "no route to host"},
			evidence: []string{"cut off: until then: "}},
	}},
	{host: "cut-and-behind", harm: func(h *villager) { unplugged(h); behind(h) }, mend: plugged, told: []telling{
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseNetworkCut, says: []string{"could not reach the server between 1"}, evidence: []string{"clock: 3650 days behind"}},
		{about: "on-cut-and-behind", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseClockWrong, says: []string{"did not start at 12:10 UTC", "the clock of cut-and-behind is 3650 days behind"}},
	}},
	{host: "stopped", harm: func(h *villager) { h.endDaemon() }, mend: (*villager).startDaemon, told: []telling{
		{at: harmed, kind: crontopus.AlertAgentOffline, code: crontopus.CauseHostSilent, says: []string{"stopped has been offline since 1"}},
		{at: mended, kind: crontopus.AlertAgentOffline, code: crontopus.CauseAgentStopped, says: []string{"the agent on stopped was stopped between 1", "the host did not restart"}, evidence: []string{"boot id stopped-1"}},
	}},
	{host: "cronless", harm: func(h *villager) { h.endCron() }, mend: (*villager).startCron, told: []telling{
		{at: harmed, kind: crontopus.AlertDrift, code: crontopus.CauseSchedulerDead, says: []string{"nothing starts entries on cronless: no cron daemon is running (/usr/sbin/cron)"}},
		{about: "on-cronless", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseSchedulerDead, says: []string{"did not start at 12:02 UTC", "no cron daemon is running (/usr/sbin/cron)"},
			evidence: []string{"scheduler: crontab: no cron daemon is running", "last check-in: succeeded", "on witness: succeeded", "last changed by: "}},
	}},
	{host: "briefly-cronless", harm: func(h *villager) { h.endCron() }, soon: (*villager).startCron, told: []telling{
		{about: "on-briefly-cronless", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseSchedulerDead, says: []string{"nothing started entries on briefly-cronless until 12:0", "no cron daemon"},
			evidence: []string{"scheduler: crontab, until then: no cron daemon is running"}},
	}},
	{host: "deleted", brink: deleted, told: []telling{
		{about: "on-deleted", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseEntryDeleted, says: []string{"its entry was deleted by hand on deleted, found and put back at 12:0"}, evidence: []string{"drift: default/on-deleted missing"}},
	}},
	{host: "deleted-and-paused", brink: func(h *villager) { deleted(h); h.pauses() }, told: []telling{
		{about: "on-deleted-and-paused", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseAgentPaused, says: []string{"the agent on deleted-and-paused is paused", "besides, its entry was deleted by hand"}, evidence: []string{"paused: by hand", "drift: "}},
	}},
	{host: "edited", brink: edited, told: []telling{
		{about: "on-edited", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseEntryEdited, says: []string{"its entry was edited by hand on edited, found and put right at 12:0", "0 4 * * * /usr/bin/crontopus-agent exec default/on-edited"}, evidence: []string{"drift: default/on-edited edited"}},
	}},
	{host: "signature", harm: func(h *villager) { h.tampers(forged) }, push: map[string]string{"signature-new.yaml": jobOf("new-signature", "signature", "")}, told: []telling{
		{at: harmed, kind: crontopus.AlertDrift, code: crontopus.CauseBundleRefused, says: []string{"signature refused its bundle", "(signature)"}},
		{about: "new-signature", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseBundleRefused, says: []string{"did not start at 12:02 UTC", "signature refused its bundle", "(signature)"}, evidence: []string{" applied of 1."}},
	}},
	{host: "policy", harm: func(h *villager) { h.sets(func() { none := 0; h.rules.MaxRemovals = &none }) },
		push: map[string]string{"policy-new.yaml": jobOf("new-policy", "policy", ""), "policy.yaml": "# moved\n"}, told: []telling{
			{at: harmed, kind: crontopus.AlertDrift, code: crontopus.CausePolicyDenied, says: []string{"policy refused its bundle of generation 1.", "maxRemovals"}},
			{about: "new-policy", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CausePolicyDenied, says: []string{"did not start at 12:02 UTC", "maxRemovals"}},
		}},
	{host: "expired", harm: func(h *villager) { h.tampers(h.old()) }, push: map[string]string{"expired-new.yaml": jobOf("new-expired", "expired", "")}, told: []telling{
		{at: mended, kind: crontopus.AlertBundleExpired, code: crontopus.CauseBundleExpired, says: []string{"the bundle of expired has expired there", "though a newer one is published"}},
		{about: "new-expired", at: mended, kind: crontopus.AlertMissed, code: crontopus.CauseBundleExpired, says: []string{"expired refused its bundle", "(expired)"}},
	}},
	{host: "late", harm: unplugged, push: map[string]string{"late-new.yaml": jobOf("new-late", "late", "")}, soon: plugged, told: []telling{
		{about: "new-late", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseNetworkCut, says: []string{"did not start at 12:02 UTC", "late could not reach the server until 12:0", "had not got the entry from it before"}},
	}},
	{host: "removed", run: failing, mend: nothing, remend: map[string]string{"removed.yaml": "# gone\n"}, told: []telling{
		{about: "on-removed", at: mended, kind: crontopus.AlertFailed, code: crontopus.CauseJobRemoved, says: []string{"on-removed on removed is not to run any more: the job was removed in Git, as of ", "Alex Author: mended in Git"},
			evidence: []string{"last changed by: ", "output: no such table: orders"}},
	}},
	{host: "suspended", run: failing, mend: nothing, remend: map[string]string{"suspended.yaml": jobOf("on-suspended", "suspended", failing) + "  suspend: true\n"}, told: []telling{
		{about: "on-suspended", at: mended, kind: crontopus.AlertFailed, code: crontopus.CauseSuspended, says: []string{"the job was suspended in Git by ", "Alex Author: mended in Git"}},
	}},
	{host: "moved", run: failing, mend: nothing, remend: map[string]string{"moved.yaml": jobOf("on-moved", "elsewhere", failing)}, told: []telling{
		{about: "on-moved", at: mended, kind: crontopus.AlertFailed, code: crontopus.CauseJobRemoved, says: []string{"its target, last changed in Git by ", "Alex Author: mended in Git"}},
	}},
	{host: "rescheduled", told: []telling{
		{about: "on-rescheduled", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseScheduleChanged, says: []string{"did not start at 12:02 UTC: its schedule was changed in Git meanwhile, by ", "Alex Author: at another time"}},
	}},
	{host: "ahead", harm: func(h *villager) { h.sets(func() { h.skew = time.Hour }) }, told: []telling{
		{about: "on-ahead", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseClockWrong, says: []string{"did not start at 12:02 UTC", "the clock of ahead is 1h ahead"}, evidence: []string{"clock: 1h ahead"}},
	}},
	{host: "behind", harm: behind, told: []telling{
		{about: "on-behind", at: harmed, kind: crontopus.AlertMissed, code: crontopus.CauseClockWrong, says: []string{"did not start at 12:02 UTC", "the clock of behind is 3650 days behind"}, evidence: []string{"clock: 3650 days behind"}},
	}},
}

func nothing(*villager)      {}
func unplugged(h *villager)  { h.cable(false) }
func plugged(h *villager)    { h.cable(true) }
func behind(h *villager)     { h.sets(func() { h.skew = -10 * 365 * 24 * time.Hour }) }
func forged(b []byte) []byte { return []byte(strings.Replace(string(b), `"sig":"`, `"sig":"AAAA`, 1)) }

func deleted(h *villager) {
	h.edits(func(table string) string {
		return regexp.MustCompile(`(?m)^.* exec .*
`).ReplaceAllString(table, "")
	})
}

func edited(h *villager) {
	h.edits(func(table string) string { return strings.ReplaceAll(table, "2,10 12 * * * /usr", "0 4 * * * /usr") })
}

const villageJob = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: NAME}
spec:
  schedule: ["58 11 * * *", "2,10 12 * * *"]
  target: {agents: [HOST]}
  run: RUN
  monitor: {grace: 2m}
`

func jobOf(name, host, run string) string {
	if run == "" {
		run = "{command: [/bin/true]}"
	}
	return strings.NewReplacer("NAME", name, "HOST", host, "RUN", run).Replace(villageJob)
}
