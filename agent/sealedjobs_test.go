package agent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
)

// sealedSite is a host whose daemon has sealed a bundle's jobs.
func sealedSite(t testing.TB) (*site, crontopus.Bundle) {
	s := newSite(t)
	require.NoError(t, os.WriteFile(s.state.KeyFile(), []byte("the host's key"), 0o600))
	b := s.bundle(1, "a", "ab", "b", "c")
	b.Jobs[0].Spec.Run.Script = "default/b 0123 {}\ndefault/c\n" + strings.Repeat("#", 100_000)
	b.JobsDigest = crontopus.JobsDigest(b.Jobs)
	_, refusal := s.accept(s.sign(b))
	require.Nil(t, refusal)
	require.NoError(t, agent.SealJobs(s.state))
	return s, b
}

// spoilBundle makes of the stored bundle one that cannot be verified, and that nobody can tell has changed.
func spoilBundle(t testing.TB, state agent.State) {
	file, err := os.Stat(state.BundleFile())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(state.BundleFile(), bytes.Repeat([]byte("x"), int(file.Size())), 0o600))
	require.NoError(t, os.Chtimes(state.BundleFile(), file.ModTime(), file.ModTime()))
}

func requireJobs(t require.TestingT, s *site, b crontopus.Bundle) {
	for i := range b.Jobs {
		job, revision, err := agent.LoadJob(s.state, b.Jobs[i].Name())
		require.NoError(t, err)
		require.Equal(t, &b.Jobs[i], job)
		require.Equal(t, b.Revisions[job.Name().String()], revision)
	}
	_, _, err := agent.LoadJob(s.state, named("nothing"))
	require.Error(t, err)
}

func TestARunFindsItsJobByItsSeal(t *testing.T) {
	s, b := sealedSite(t)
	spoilBundle(t, s.state)
	requireJobs(t, s, b)
}

// Whatever becomes of the sealed jobs, a run gets the job that was signed.
func TestSealedJobsThatAreDamaged(t *testing.T) {
	s, b := sealedSite(t)
	good, err := os.ReadFile(s.state.SealedJobsFile())
	require.NoError(t, err)
	lines := bytes.SplitAfter(good, []byte("\n"))
	swapped := bytes.Replace(bytes.Clone(lines[2]), []byte("default/b "), []byte("default/c "), 1) // b under c's name
	for name, bad := range map[string][]byte{
		"none":                nil,
		"no end":              bytes.TrimSuffix(good, []byte("\n")),
		"one line":            bytes.Repeat([]byte("x"), 1<<20),
		"another's, by name":  append(swapped, good...),
		"another's, by seal":  bytes.Replace(good, lines[3][:75], append([]byte("default/c "), lines[2][10:75]...), 1),
		"a seal of no length": bytes.Replace(good, lines[3][10:74], nil, 1),
		"the first line lost": bytes.Join(lines[1:], nil),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, good, bad)
			require.NoError(t, os.WriteFile(s.state.SealedJobsFile(), bad, 0o600))
			requireJobs(t, s, b)
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := bytes.Clone(good)
		at := rapid.IntRange(0, len(bad)-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "in a short line") {
			at = len(bad) - 1 - at%1000
		}
		bad[at] ^= rapid.Byte().Draw(t, "bits")
		require.NoError(t, os.WriteFile(s.state.SealedJobsFile(), bad[:rapid.IntRange(at, len(bad)).Draw(t, "length")], 0o600))
		requireJobs(t, s, b)
	})
}

// A seal is of one bundle, verified by the keys of its time: when either is another, the bundle itself counts.
func TestSealsThatDoNotFitAnyMore(t *testing.T) {
	identity := func(s *site, change func(*agent.Identity)) {
		change(s.id)
		data, err := json.Marshal(s.id)
		require.NoError(s, err)
		require.NoError(s, os.WriteFile(s.state.IdentityFile(), data, 0o600))
	}
	for name, c := range map[string]struct {
		change func(s *site, b *crontopus.Bundle)
		says   string // of a job, if it is not to be run any more
	}{
		"another bundle": {func(s *site, b *crontopus.Bundle) {
			*b = s.bundle(2, "a", "c")
			b.Jobs[0].Spec.Run.Command = []string{"/bin/echo", "other"}
			b.JobsDigest = crontopus.JobsDigest(b.Jobs)
			_, refusal := s.accept(s.sign(b))
			require.Nil(s, refusal)
		}, ""},
		"a key that is not trusted any more": {func(s *site, _ *crontopus.Bundle) {
			identity(s, func(id *agent.Identity) { id.KeySet = []wire.Key{wireKey(seededKey(2))} })
		}, "is damaged"},
		"another identity": {func(s *site, _ *crontopus.Bundle) {
			identity(s, func(id *agent.Identity) { id.AgentID = "agent-2" })
		}, "it is for another agent"},
		"another key of the host": {func(s *site, _ *crontopus.Bundle) {
			require.NoError(s, os.WriteFile(s.state.KeyFile(), []byte("another"), 0o600))
		}, ""},
		"a bundle that was written to": {func(s *site, _ *crontopus.Bundle) {
			require.NoError(s, os.WriteFile(s.state.BundleFile(), []byte("x"), 0o600))
		}, "is damaged"},
		"a host that was uninstalled": {func(s *site, _ *crontopus.Bundle) {
			_, err := agent.Uninstall(s.Context(), s.state, &table{})
			require.NoError(s, err)
			require.NoFileExists(s, s.state.SealedJobsFile())
		}, "has not received its jobs"},
		"no bundle": {func(s *site, _ *crontopus.Bundle) { require.NoError(s, os.Remove(s.state.BundleFile())) }, "has not received its jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := sealedSite(t)
			c.change(s, &b)
			if c.says == "" {
				requireJobs(t, s, b)
				return
			}
			_, _, err := agent.LoadJob(s.state, named("a"))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestDaemonSealsTheJobsOfEachBundle(t *testing.T) {
	onDuty(t, func(d *duty) {
		require.NoError(d.t, os.WriteFile(d.state.KeyFile(), []byte("the host's key"), 0o600))
		for number, names := range [][]string{{"a", "b"}, {"b", "c"}} {
			d.publish(int64(number+1), names...)
			d.after(3 * time.Second)
			b, err := agent.LoadBundle(d.state)
			require.NoError(d.t, err)
			require.Len(d.t, b.Jobs, len(names))
			good, err := os.ReadFile(d.state.BundleFile())
			require.NoError(d.t, err)
			file, err := os.Stat(d.state.BundleFile())
			require.NoError(d.t, err)
			spoilBundle(d.t, d.state)
			for i := range b.Jobs {
				job, _, err := agent.LoadJob(d.state, b.Jobs[i].Name())
				require.NoError(d.t, err)
				require.Equal(d.t, &b.Jobs[i], job)
			}
			require.NoError(d.t, os.WriteFile(d.state.BundleFile(), good, 0o600))
			require.NoError(d.t, os.Chtimes(d.state.BundleFile(), file.ModTime(), file.ModTime()))
		}
	})
}

// Disks that keep times by the second, and clocks that stand still or are set back, make two bundles look the same.
func TestSealsOfABundleThatLooksTheSame(t *testing.T) {
	s, _ := sealedSite(t)
	accept := func(b crontopus.Bundle) os.FileInfo {
		_, refusal := s.accept(s.sign(b))
		require.Nil(t, refusal)
		file, err := os.Stat(s.state.BundleFile())
		require.NoError(t, err)
		return file
	}
	one := accept(s.bundle(2, "a", "b"))
	require.NoError(t, agent.SealJobs(s.state))
	next := s.bundle(3, "a", "c")
	other := accept(next)
	require.Equal(t, one.Size(), other.Size())
	require.NoError(t, os.Chtimes(s.state.BundleFile(), one.ModTime(), one.ModTime()))
	requireJobs(t, s, next)
	_, _, err := agent.LoadJob(s.state, named("b"))
	require.ErrorContains(t, err, "no job default/b is meant for this host")
}

// A daemon that still trusts a key which the host has been told not to trust any more seals nothing for runs.
func TestDaemonSealsNothingForKeysThatItDoesNotKnow(t *testing.T) {
	onDuty(t, func(d *duty) {
		require.NoError(d.t, os.WriteFile(d.state.KeyFile(), []byte("the host's key"), 0o600))
		id := *d.id
		id.KeySet = []wire.Key{wireKey(seededKey(2))}
		data, err := json.Marshal(id)
		require.NoError(d.t, err)
		require.NoError(d.t, os.WriteFile(d.state.IdentityFile(), data, 0o600))
		d.publish(1, "a")
		d.after(3 * time.Second)
		_, _, err = agent.LoadJob(d.state, named("a"))
		require.ErrorContains(d.t, err, "is damaged")
	})
}
