package agent_test

import (
	"context"
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
	cron "crontopus.dev/crontopus/schedule"
)

// kept is a host whose crontab is a file.
type kept struct {
	agent.Reconciler
	t      *testing.T
	path   string
	policy *agent.Policy
	now    time.Time
}

func newKept(t *testing.T) *kept {
	t.Helper()
	dir := t.TempDir()
	k := &kept{t: t, path: filepath.Join(dir, "crontab"), now: at, policy: agent.NewPolicy(agent.Rules{}, 1000)}
	scheduler, err := crontab.New(crontab.Options{File: k.path, Executable: "/usr/bin/crontopus-agent", HostZone: func() string { return "UTC" }})
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
		set, err := cron.New([]string{schedule}, "UTC")
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
