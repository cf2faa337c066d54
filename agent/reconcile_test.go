package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/agent/crontab"
	"crontopus.dev/crontopus/internal/filelock"
	cron "crontopus.dev/crontopus/schedule"
)

// kept is a host whose crontab is a file.
type kept struct {
	agent.Reconciler
	t      *testing.T
	path   string
	policy *agent.Policy
	now    time.Time
	in     string // the host's zone
}

func (k *kept) zone() string { return k.in }

func newKept(t *testing.T) *kept {
	t.Helper()
	dir := t.TempDir()
	k := &kept{t: t, path: filepath.Join(dir, "crontab"), now: at, in: "UTC", policy: agent.NewPolicy(agent.Rules{}, 1000)}
	scheduler, err := crontab.New(crontab.Options{File: k.path, Executable: "/usr/bin/crontopus-agent", HostZone: k.zone, CronZone: k.zone})
	require.NoError(t, err)
	k.Reconciler = agent.Reconciler{
		State: agent.State{Dir: filepath.Join(dir, "state")}, Scheduler: scheduler,
		Now: func() time.Time { return k.now }, Log: slog.New(slog.DiscardHandler),
	}
	require.NoError(t, k.State.Create())
	return k
}

// reconcile brings a bundle of jobs, each written "name: schedule", into effect.
func (k *kept) reconcile(number int64, jobs ...string) agent.Outcome {
	k.t.Helper()
	out, err := k.Reconcile(k.t.Context(), bundleOf(number, jobs...), k.policy)
	require.NoError(k.t, err)
	return out
}

func bundleOf(number int64, jobs ...string) *crontopus.Bundle {
	b := &crontopus.Bundle{Epoch: 1, Generation: number}
	for _, text := range jobs {
		name, schedule, _ := strings.Cut(text, ": ")
		job := claimer(schedule)
		job.Metadata.Name = name
		b.Jobs = append(b.Jobs, *job)
	}
	return b
}

func (k *kept) entries() string {
	k.t.Helper()
	data, err := os.ReadFile(k.path)
	require.NoError(k.t, err)
	return strings.ReplaceAll(string(data), " /usr/bin/crontopus-agent exec default/", " > ")
}

func (k *kept) write(text string) {
	k.t.Helper()
	text = strings.ReplaceAll(text, " > ", " /usr/bin/crontopus-agent exec default/")
	require.NoError(k.t, os.WriteFile(k.path, []byte(text), 0o600))
}

func TestReconcileFollowsTheBundle(t *testing.T) {
	k := newKept(t)
	k.write("MAILTO=ops\n")
	out := k.reconcile(1, "a: 0 1 * * *", "b: 0 2 * * *")
	require.Equal(t, agent.Outcome{Applied: crontopus.Generation{Epoch: 1, Number: 1}}, out)
	require.Equal(t, "MAILTO=ops\n# BEGIN crontopus\n0 1 * * * > a\n0 2 * * * > b\n# END crontopus\n", k.entries())

	out = k.reconcile(2, "b: 5 2 * * *", "c: 0 3 * * *")
	require.Equal(t, agent.Outcome{Applied: crontopus.Generation{Epoch: 1, Number: 2}}, out)
	require.Equal(t, "MAILTO=ops\n# BEGIN crontopus\n5 2 * * * > b\n0 3 * * * > c\n# END crontopus\n", k.entries())

	k.reconcile(3)
	require.Equal(t, "MAILTO=ops\n", k.entries())
}

func TestWithoutABundleNothingIsTouched(t *testing.T) {
	k := newKept(t)
	k.reconcile(1, "a: 0 1 * * *")
	require.NoError(t, os.WriteFile(k.path, []byte("x"), 0o600))
	out, err := k.Reconcile(t.Context(), nil, k.policy)
	require.NoError(t, err)
	require.Empty(t, out.Drift)
	require.Equal(t, "x", k.entries())
}

func TestDriftIsRepairedAndReportedOnce(t *testing.T) {
	k := newKept(t)
	jobs := []string{"a: 0 1 * * *", "b: 0 2 * * *", "c: 0 3 * * *"}
	k.reconcile(1, jobs...)
	right := k.entries()
	k.write("# BEGIN crontopus\n0 1 * * * > a\n9 9 * * * > b\n0 4 * * * > mine\n# END crontopus\n# BEGIN crontopus\n")

	out := k.reconcile(1, jobs...)
	require.Equal(t, right, k.entries())
	require.Equal(t, []crontopus.Drift{
		{At: at, Entry: "# BEGIN crontopus", Kind: crontopus.DriftDamaged, Detail: "this marker stood without its partner"},
		{At: at, Entry: "default/b", Kind: crontopus.DriftEdited, Detail: "9 9 * * * /usr/bin/crontopus-agent exec default/b"},
		{At: at, Entry: "default/c", Kind: crontopus.DriftMissing},
		{At: at, Entry: "default/mine", Kind: crontopus.DriftUnexpected, Detail: "0 4 * * * /usr/bin/crontopus-agent exec default/mine"},
	}, out.Drift)
	require.Empty(t, k.reconcile(1, jobs...).Drift)
}

func TestAJobThatThePolicyForbidsIsReportedAndTheOthersApply(t *testing.T) {
	k := newKept(t)
	k.policy = agent.NewPolicy(agent.Rules{Sources: []string{"https://git.example.com/ok.git"}}, 1000)
	b := bundleOf(1, "a: 0 1 * * *", "b: 0 2 * * *")
	b.Jobs[1].Source = "https://git.example.com/ok.git"
	out, err := k.Reconcile(t.Context(), b, k.policy)
	require.NoError(t, err)
	require.Len(t, out.Denied, 1)
	require.Equal(t, jobName("default/a"), out.Denied[0].Job)
	require.Equal(t, "# BEGIN crontopus\n0 2 * * * > b\n# END crontopus\n", k.entries())
}

func TestAJobThatCannotBeScheduledDoesNotHoldUpTheOthers(t *testing.T) {
	k := newKept(t)
	out := k.reconcile(1, "a: 61 * * * *", "b: 0 2 * * *")
	require.Len(t, out.Denied, 1)
	require.Equal(t, jobName("default/a"), out.Denied[0].Job)
	require.Equal(t, "# BEGIN crontopus\n0 2 * * * > b\n# END crontopus\n", k.entries())
}

func TestALostRecordAdoptsWhatIsThere(t *testing.T) {
	k := newKept(t)
	k.reconcile(1, "a: 0 1 * * *", "b: 0 2 * * *")
	for name, lose := range map[string]func(){
		"removed": func() { require.NoError(t, os.Remove(k.State.AppliedFile())) },
		"damaged": func() { require.NoError(t, os.WriteFile(k.State.AppliedFile(), []byte("{half"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			lose()
			out := k.reconcile(1, "a: 0 1 * * *", "b: 0 2 * * *")
			require.Empty(t, out.Drift)
			require.Equal(t, "# BEGIN crontopus\n0 1 * * * > a\n0 2 * * * > b\n# END crontopus\n", k.entries())
		})
	}
}

func TestAnEntryRunsOnlyForWhatIsDueAfterItCame(t *testing.T) {
	k := newKept(t)
	claim := func(schedule string, now time.Time) bool {
		set, err := cron.New([]string{schedule}, "UTC", "")
		require.NoError(t, err)
		job := claimer(schedule)
		job.Metadata.Name = "a"
		_, ok, err := k.State.TakeClaim(job, set, agent.BootID(), now)
		require.NoError(t, err)
		return ok
	}
	minutes := func(n int) time.Time { return at.Add(time.Duration(n) * time.Minute) } // from half past 12:00
	k.reconcile(1, "a: 0 * * * *")
	require.False(t, claim("0 * * * *", minutes(1)), "12:00 was before it")
	require.True(t, claim("0 * * * *", minutes(60)))

	k.now = minutes(65)
	k.reconcile(2, "a: */5 * * * *")
	require.False(t, claim("*/5 * * * *", minutes(66)), "13:05 was before the schedule changed")
	require.True(t, claim("*/5 * * * *", minutes(70)))

	k.now = minutes(75)
	k.reconcile(3, "a: */5 * * * *", "b: 0 0 1 1 *")
	require.True(t, claim("*/5 * * * *", minutes(75)), "another job's change moves nothing here")
}

// broken is a scheduler that cannot write.
type broken struct{ agent.Scheduler }

func (broken) Apply(context.Context, []agent.Native) error {
	return crontopus.Errorf(crontopus.CodeUnavailable, "the disk is full")
}

func TestAFailedApplyIsNotRemembered(t *testing.T) {
	k := newKept(t)
	k.reconcile(1, "a: 0 1 * * *")
	working := k.Scheduler
	k.Scheduler = broken{working}
	out, err := k.Reconcile(t.Context(), bundleOf(2, "b: 0 2 * * *"), k.policy)
	require.ErrorContains(t, err, "the disk is full")
	require.Equal(t, crontopus.Generation{Epoch: 1, Number: 1}, out.Applied)
	k.Scheduler = working
	require.Empty(t, k.reconcile(2, "b: 0 2 * * *").Drift)
	require.Equal(t, "# BEGIN crontopus\n0 2 * * * > b\n# END crontopus\n", k.entries())
}

// forgetful writes the entries, after which the record of them cannot be written.
type forgetful struct {
	agent.Scheduler
	record string
}

func (f forgetful) Apply(ctx context.Context, entries []agent.Native) error {
	return errors.Join(f.Scheduler.Apply(ctx, entries), os.Rename(f.record, f.record+".saved"), os.Mkdir(f.record, 0o700))
}

func TestWhatCannotBeRememberedTakesNothingAwayThatIsDue(t *testing.T) {
	k := newKept(t)
	k.reconcile(1, "other: 0 0 1 1 *")
	working, record := k.Scheduler, k.State.AppliedFile()
	k.Scheduler = forgetful{working, record}
	_, err := k.Reconcile(t.Context(), bundleOf(2, "a: */5 * * * *", "other: 0 0 1 1 *"), k.policy)
	require.ErrorContains(t, err, "cannot write the agent's state")
	require.Contains(t, k.entries(), "> a")
	require.NoError(t, os.Remove(record))
	require.NoError(t, os.Rename(record+".saved", record))
	k.Scheduler = working

	k.now = k.now.Add(6 * time.Minute) // 12:05 is due meanwhile, and the host was too busy to start it
	out := k.reconcile(2, "a: */5 * * * *", "other: 0 0 1 1 *")
	require.Equal(t, crontopus.Generation{Epoch: 1, Number: 2}, out.Applied)
	job := claimer("*/5 * * * *")
	job.Metadata.Name = "a"
	set, err := cron.New(job.Spec.Schedule, "UTC", "")
	require.NoError(t, err)
	_, due, err := k.State.TakeClaim(job, set, "", k.now)
	require.NoError(t, err)
	require.True(t, due, "the claims were begun anew")
}

func TestClaimsOfJobsThatAreGoneAreRemovedWhenTheyCannotMatter(t *testing.T) {
	k := newKept(t)
	k.reconcile(1, "gone: * * * * *", "recent: * * * * *", "running: * * * * *", "stays: * * * * *")
	claims, locks := k.State.ClaimsDir(), k.State.LocksDir()
	for _, name := range []string{"gone", "running", "stays"} {
		require.NoError(t, os.Chtimes(filepath.Join(claims, "default."+name), k.now, k.now))
	}
	stranger := filepath.Join(claims, "not a job's")
	require.NoError(t, os.WriteFile(stranger, nil, 0o600))
	require.NoError(t, os.Chtimes(stranger, k.now, k.now))
	require.NoError(t, os.WriteFile(filepath.Join(locks, "default.gone.next"), nil, 0o600))
	running, err := filelock.TryLock(filepath.Join(locks, "default.running"))
	require.NoError(t, err)
	left := func(dir string) (names []string) {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "default.") && !strings.HasSuffix(f.Name(), ".lock") {
				names = append(names, strings.TrimPrefix(f.Name(), "default."))
			}
		}
		return names
	}
	k.now = k.now.Add(30*24*time.Hour + time.Minute)
	require.NoError(t, os.Chtimes(filepath.Join(claims, "default.recent"), k.now, k.now.Add(-29*24*time.Hour)))
	k.reconcile(2, "stays: * * * * *")
	require.Equal(t, []string{"recent", "running", "stays"}, left(claims))
	require.Equal(t, []string{"recent", "running", "stays"}, left(locks))
	require.FileExists(t, stranger)

	require.NoError(t, running.Close())
	k.reconcile(2, "stays: * * * * *")
	require.Equal(t, []string{"recent", "stays"}, left(claims))

	k.reconcile(3, "gone: * * * * *", "stays: * * * * *")
	job := claimer("* * * * *")
	job.Metadata.Name = "gone"
	set, err := cron.New(job.Spec.Schedule, "UTC", "")
	require.NoError(t, err)
	_, due, err := k.State.TakeClaim(job, set, "", k.now)
	require.NoError(t, err)
	require.False(t, due, "one that comes back runs for what is due from then on")
}

func TestTheHostsOwnZone(t *testing.T) {
	k := newKept(t)
	k.in = "Europe/Berlin"
	bundle := bundleOf(1, "own: 30 2 * * *", "other: 30 2 * * *")
	bundle.Jobs[0].Spec.Timezone = crontopus.TimezoneHost
	reconcile := func() agent.Outcome {
		out, err := k.Reconcile(t.Context(), bundle, k.policy)
		require.NoError(t, err)
		require.Empty(t, out.Drift)
		return out
	}
	reconcile()
	require.Equal(t, "# BEGIN crontopus\n30 * * * * > other\n30 2 * * * > own\n# END crontopus\n", k.entries())

	k.in = "UTC"
	k.now = k.now.Add(5 * time.Minute)
	reconcile()
	require.Equal(t, "# BEGIN crontopus\n30 2 * * * > other\n30 2 * * * > own\n# END crontopus\n", k.entries(), "the host has moved")
	applied, err := k.State.LoadApplied()
	require.NoError(t, err)
	require.Equal(t, "UTC 30 2 * * *", applied.Schedules[crontopus.JobName{Namespace: "default", Name: "own"}])

	k.in = ""
	out := reconcile()
	require.Len(t, out.Denied, 1, "nobody knows where the host is: only who needs to know is held up")
	require.Equal(t, "own", out.Denied[0].Job.Name)
	require.Contains(t, out.Denied[0].Reason, "the host's own time zone")
	require.Equal(t, "# BEGIN crontopus\n* * * * * > other\n# END crontopus\n", k.entries())
}

// TestAMovedHostRunsNothingForTheTimeBefore: with another zone the same expression had been due
// a minute ago, and the run that was due in the old zone is not made up for.
func TestAMovedHostRunsNothingForTheTimeBefore(t *testing.T) {
	k := newKept(t)
	k.in = "Europe/Berlin"
	bundle := bundleOf(1, "own: 0 12 * * *")
	job := &bundle.Jobs[0]
	job.Spec.Timezone, job.Spec.Monitor.CatchUp = crontopus.TimezoneHost, crontopus.CatchUpOnce
	claim := func() (agent.Claimed, bool) {
		there, err := job.InZone(k.zone)
		require.NoError(t, err)
		set, err := cron.Of(there)
		require.NoError(t, err)
		claimed, ok, err := k.State.TakeClaim(there, set, "boot", k.now)
		require.NoError(t, err)
		return claimed, ok
	}
	_, err := k.Reconcile(t.Context(), bundle, k.policy)
	require.NoError(t, err)

	k.now = time.Date(2026, 11, 24, 11, 0, 20, 0, time.UTC)
	claimed, ok := claim()
	require.True(t, ok)
	require.Equal(t, k.now.Truncate(time.Minute), claimed.ScheduledFor.UTC(), "noon in Berlin")

	k.now, k.in = time.Date(2026, 11, 24, 12, 1, 0, 0, time.UTC), "UTC"
	_, err = k.Reconcile(t.Context(), bundle, k.policy)
	require.NoError(t, err)
	_, ok = claim()
	require.False(t, ok, "noon in UTC was before the host moved there")

	k.now = time.Date(2026, 11, 25, 12, 0, 1, 0, time.UTC)
	claimed, ok = claim()
	require.True(t, ok)
	require.Equal(t, k.now.Truncate(time.Minute), claimed.ScheduledFor.UTC())
}

func TestEntriesOfExtensionsAreGated(t *testing.T) {
	k := newKept(t)
	k.reconcile(1, "hashed: H H * * *", "last: 0 12 L * *", "third: 0 12 * * fri#3", "working: 0 12 1W * *")
	require.Equal(t, "# BEGIN crontopus\n27 21 * * * > hashed\n0 12 28-31 * * > last\n0 12 * * 5 > third\n0 12 1-3 * * > working\n# END crontopus\n", k.entries())

	job := claimer("0 12 L * *")
	set, err := cron.Of(job)
	require.NoError(t, err)
	for day, due := range map[int]bool{27: false, 28: false, 29: false, 30: true} {
		_, ok, err := k.State.TakeClaim(job, set, "boot", time.Date(2026, 11, day, 12, 0, 20, 0, time.UTC))
		require.NoError(t, err)
		require.Equal(t, due, ok, "%d November", day)
	}
}

func TestTheLogSaysOnceWhatIsDenied(t *testing.T) {
	onDuty(t, func(d *duty) {
		require.NoError(t, os.WriteFile(d.policy, []byte("maxJobs: 1\n"), 0o600))
		d.publish(1, "a", "b", "c")
		d.after(time.Hour)
		require.Equal(t, []string{"a"}, d.table.names())
		require.Equal(t, 1, strings.Count(d.log.String(), "jobs are denied"), "not with each look for drift")
		require.Contains(t, d.log.String(), "jobs=2 first=default/b")
		require.Contains(t, d.log.String(), "maxJobs")
		d.publish(2, "a", "b")
		require.Contains(t, d.log.String(), "jobs=1 first=default/b")
	})
}

func TestDaemonWhoseBundleExpires(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.life = time.Hour
		d.publish(1, "a")
		d.after(2 * time.Hour)
		require.Equal(t, []string{"a"}, d.table.names())
		require.Equal(t, crontopus.RefusedExpired, d.server.lastReport(t).Refused.Code)
		d.publish(1, "a") // renewed
		d.after(time.Minute)
		require.Nil(t, d.server.lastReport(t).Refused)
	})
}
