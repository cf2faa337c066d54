package diff_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests/diff"
)

// job makes a job as a manifest has it, in a file of its name.
func job(name string, change ...func(*crontopus.Job)) crontopus.DesiredJob {
	j := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob, Metadata: crontopus.Metadata{Name: name}}
	j.Spec.Schedule = crontopus.Schedules{"30 2 * * *"}
	j.Spec.Target = crontopus.Target{Labels: map[string]string{"role": "db"}}
	j.Spec.Run.Command = []string{"/bin/" + name}
	for _, c := range change {
		c(&j)
	}
	j.SetDefaults()
	return crontopus.DesiredJob{Job: j, Path: name + ".yaml", Line: 4}
}

func at(exprs ...string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Schedule = exprs }
}

func in(zone string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Timezone = zone }
}

func on(t crontopus.Target) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Target = t }
}

func suspended(j *crontopus.Job) { j.Spec.Suspend = true }

func state(jobs ...crontopus.DesiredJob) []crontopus.DesiredJob { return jobs }

func TestRemovalsAreToldFirst(t *testing.T) {
	t.Parallel()
	var told []string
	for _, c := range diff.Jobs(
		state(job("z-goes"), job("a-goes"), job("stays"), job("m-changes")),
		state(job("stays"), job("a-comes"), job("m-changes", at("@daily")))) {
		told = append(told, string(c.Kind)+" "+c.Job.Name)
	}
	require.Equal(t, []string{"removed a-goes", "removed z-goes", "changed m-changes", "added a-comes"}, told)
}

func TestAFileThatMovesIsNoDifference(t *testing.T) {
	t.Parallel()
	moved := job("a")
	moved.Path, moved.Line, moved.SourceID, moved.Revision = "teams/b.yaml", 99, "src", "main@sha1:x"
	require.Empty(t, diff.Jobs(state(job("a"), job("b")), state(job("b"), moved)))
}

func TestADefaultThatIsWrittenOutIsNoDifference(t *testing.T) {
	t.Parallel()
	written := job("a", in("UTC"), func(j *crontopus.Job) { j.Spec.Run.Concurrency = crontopus.ConcurrencyForbid })
	require.Empty(t, diff.Jobs(state(job("a")), state(written)))
}

func TestFieldsInTheOrderOfAManifest(t *testing.T) {
	t.Parallel()
	before := job("a", func(j *crontopus.Job) {
		j.Spec.Run.Environment = map[string]string{"A/B": "1", "GONE": "x", "SAME": "s"}
		j.Spec.Run.Splay = crontopus.Duration(60e9)
	})
	after := job("a", at("0 3 * * *", "@reboot"), in("Europe/Helsinki"), func(j *crontopus.Job) {
		j.Metadata.Description = "new"
		j.Spec.Run.Command = []string{"/bin/a", "--full"}
		j.Spec.Run.Environment = map[string]string{"A/B": "2", "SAME": "s", "Z": "26"}
		j.Spec.Run.Retries = &crontopus.Retries{Limit: 3}
		size := crontopus.Size(0)
		j.Spec.Run.CaptureOutput = &size
	})
	raw := func(s string) json.RawMessage {
		if s == "" {
			return nil
		}
		return json.RawMessage(s)
	}
	var want []diff.Field
	for _, f := range [][3]string{
		{"/metadata/description", "", `"new"`},
		{"/spec/schedule", `"30 2 * * *"`, `["0 3 * * *","@reboot"]`},
		{"/spec/timezone", `"UTC"`, `"Europe/Helsinki"`},
		{"/spec/run/command", `["/bin/a"]`, `["/bin/a","--full"]`},
		{"/spec/run/environment/A~1B", `"1"`, `"2"`},
		{"/spec/run/environment/Z", "", `"26"`},
		{"/spec/run/retries/limit", "", `3`},
		{"/spec/run/retries/backoff", "", `"30s"`},
		{"/spec/run/retries/maxBackoff", "", `"10m"`},
		{"/spec/run/environment/GONE", `"x"`, ""},
		{"/spec/run/splay", `"1m"`, ""},
		{"/spec/run/captureOutput", `"10KiB"`, `0`},
	} {
		want = append(want, diff.Field{Path: f[0], Before: raw(f[1]), After: raw(f[2])})
	}
	changes := diff.Jobs(state(before), state(after))
	require.Len(t, changes, 1)
	require.ElementsMatch(t, want, changes[0].Fields)
	require.Equal(t, "/metadata/description", changes[0].Fields[0].Path)
	require.Equal(t, "/spec/schedule", changes[0].Fields[1].Path)
	require.Equal(t, "/spec/run/captureOutput", changes[0].Fields[len(changes[0].Fields)-1].Path)
}

func TestWhereAJobStands(t *testing.T) {
	t.Parallel()
	was, is := job("a"), job("a", at("@daily"))
	was.Path, is.Path, is.Line = "old.yaml", "new.yaml", 7
	changes := diff.Jobs(state(was, job("b")), state(is))
	require.Equal(t, "b.yaml", changes[0].File, "where it stood")
	require.Equal(t, "new.yaml", changes[1].File)
	require.Equal(t, 7, changes[1].Line)
}
