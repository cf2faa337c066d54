package agent_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/envelope"
)

func TestAcceptRefuses(t *testing.T) {
	// Each case offers one envelope to a host that holds generation 5 with jobs a and b.
	now := issued.Add(time.Hour)
	for _, c := range []struct {
		name    string
		code    string
		message string
		offer   func(s *site) []byte
	}{
		{"nothing", "signature", "not a signed envelope", func(*site) []byte { return nil }},
		{"signed by a stranger", "signature", "no trusted key", func(s *site) []byte {
			s.signer = seededKey(9)
			return s.sign(s.bundle(6, "a"))
		}},
		{"one byte changed", "signature", "no trusted key", func(s *site) []byte {
			raw := s.sign(s.bundle(6, "a"))
			at := bytes.Index(raw, []byte(`"payload":"`)) + 30
			raw[at] ^= 1
			return raw
		}},
		{"another kind of payload", "malformed", "another type", func(s *site) []byte {
			raw, err := envelope.Sign("text/plain", []byte("{}"), s.signer)
			require.NoError(s, err)
			return raw
		}},
		{"no bundle in it", "malformed", "not a bundle", func(s *site) []byte { return s.sign([]int{1}) }},
		{"an empty object in it", "malformed", "digest", func(s *site) []byte { return s.sign(struct{}{}) }},
		{"a digest of other jobs", "malformed", "digest", func(s *site) []byte {
			b := s.bundle(6, "a")
			b.JobsDigest = s.bundle(6, "z").JobsDigest
			return s.sign(b)
		}},
		{"a job with a field of the future", "malformed", "older than the server", func(s *site) []byte {
			// The server that knows the field has it in the digest.
			b := s.bundle(6, "a")
			jobs, err := json.Marshal(b.Jobs)
			require.NoError(s, err)
			jobs = bytes.Replace(jobs, []byte(`"command":`), []byte(`"sandbox":"strict","command":`), 1)
			return s.sign(struct {
				crontopus.Bundle
				Jobs       json.RawMessage `json:"jobs"`
				JobsDigest string          `json:"jobsDigest"`
			}{b, jobs, fmt.Sprintf("%x", sha256.Sum256(jobs))})
		}},
		{"jobs out of order", "malformed", "out of order", func(s *site) []byte {
			b := s.bundle(6, "a", "b")
			b.Jobs[0], b.Jobs[1] = b.Jobs[1], b.Jobs[0]
			return s.sign(b)
		}},
		{"a job twice", "malformed", "twice", func(s *site) []byte { return s.sign(s.bundle(6, "a", "a")) }},
		{"a name that is a crontab line", "malformed", "no job's name", func(s *site) []byte {
			return s.sign(s.bundle(6, "a\n* * * * * root evil"))
		}},
		{"a name that is a path", "malformed", "no job's name", func(s *site) []byte { return s.sign(s.bundle(6, "../a")) }},
		{"no generation", "malformed", "no published generation", func(s *site) []byte { return s.sign(s.bundle(0, "a")) }},
		{"for another agent", "audience", `agent "agent-2"`, func(s *site) []byte {
			b := s.bundle(6, "a")
			b.Agent = "agent-2"
			return s.sign(b)
		}},
		{"for the same agent of another tenant", "audience", `tenant "other"`, func(s *site) []byte {
			b := s.bundle(6, "a")
			b.Tenant = "other"
			return s.sign(b)
		}},
		{"an older generation", "rollback", "generation 1.4 is older than 1.5", func(s *site) []byte { return s.sign(s.bundle(4, "a", "b")) }},
		{"no epoch", "malformed", "no published generation", func(s *site) []byte {
			b := s.bundle(9, "a", "b")
			b.Epoch = 0
			return s.sign(b)
		}},
		{"the same generation with other jobs", "equivocation", "two truths", func(s *site) []byte { return s.sign(s.bundle(5, "a", "c")) }},
		{"expired", "expired", "this host's clock says 2026-03-01T13:00:00Z", func(s *site) []byte {
			b := s.bundle(6, "a")
			b.Expires = now
			return s.sign(b)
		}},
		{"what is wrong in every way is refused for the first reason", "signature", "no trusted key", func(s *site) []byte {
			b := s.bundle(4, "c")
			b.Agent, b.Expires = "agent-2", issued
			s.signer = seededKey(9)
			return s.sign(b)
		}},
		{"an expired rollback is a rollback", "rollback", "older", func(s *site) []byte {
			b := s.bundle(4, "a", "b")
			b.Expires = issued
			return s.sign(b)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			_, refusal := s.accept(s.sign(s.bundle(5, "a", "b")))
			require.Nil(t, refusal)
			stored, err := os.ReadFile(s.state.BundleFile())
			require.NoError(t, err)

			raw := c.offer(s)
			_, refusal = s.acceptAt(raw, now)
			require.NotNil(t, refusal)
			require.Equal(t, c.code, refusal.Code, refusal.Message)
			require.Contains(t, refusal.Message, c.message)

			after, err := os.ReadFile(s.state.BundleFile())
			require.NoError(t, err)
			require.Equal(t, stored, after, "the last good one stays")
			require.Equal(t, []string{"a", "b"}, s.inForce())
		})
	}
}

func TestAcceptTakesWhatIsNewer(t *testing.T) {
	s := newSite(t)
	for _, step := range []struct {
		epoch, number int64
		jobs          []string
	}{{1, 1, []string{"a"}}, {1, 2, []string{"a", "b"}}, {1, 40, []string{}}, {2, 1, []string{"c"}}} {
		b := s.bundle(step.number, step.jobs...)
		b.Epoch = step.epoch
		accepted, refusal := s.accept(s.sign(b))
		require.Nil(t, refusal)
		require.Equal(t, b.Gen(), accepted.Gen())
		require.Equal(t, step.jobs, s.inForce())
	}
	_, refusal := s.accept(s.sign(s.bundle(41, "a"))) // of epoch 1
	require.Equal(t, crontopus.RefusedRollback, refusal.Code)
}

func TestRollbackIsRefusedAfterTheBundleIsLost(t *testing.T) {
	for name, lose := range map[string]func(s *site){
		"deleted": func(s *site) { require.NoError(s, os.Remove(s.state.BundleFile())) },
		"damaged": func(s *site) { require.NoError(s, os.WriteFile(s.state.BundleFile(), []byte("{"), 0o600)) },
		"an old one": func(s *site) {
			require.NoError(s, os.WriteFile(s.state.BundleFile(), s.sign(s.bundle(2, "old")), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			_, refusal := s.accept(s.sign(s.bundle(5, "a")))
			require.Nil(t, refusal)
			lose(s)

			_, refusal = s.accept(s.sign(s.bundle(4, "a")))
			require.Equal(t, crontopus.RefusedRollback, refusal.Code)
			_, refusal = s.accept(s.sign(s.bundle(5, "b")))
			require.Equal(t, crontopus.RefusedEquivocation, refusal.Code)
			_, refusal = s.accept(s.sign(s.bundle(5, "a")))
			require.Nil(t, refusal, "the same again heals it")
			require.Equal(t, []string{"a"}, s.inForce())
		})
	}
}

// A power cut may fall between the bundle and the mark.
func TestRollbackIsRefusedWithoutTheMark(t *testing.T) {
	for name, lose := range map[string]func(s *site) error{
		"lost":    func(s *site) error { return os.Remove(s.state.MarkFile()) },
		"damaged": func(s *site) error { return os.WriteFile(s.state.MarkFile(), []byte("{"), 0o600) },
		"older": func(s *site) error {
			return os.WriteFile(s.state.MarkFile(), []byte(`{"generation":{"epoch":1,"number":1},"jobsDigest":"x"}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			_, refusal := s.accept(s.sign(s.bundle(5, "a")))
			require.Nil(t, refusal)
			require.NoError(t, lose(s))
			_, refusal = s.accept(s.sign(s.bundle(4, "a")))
			require.Equal(t, crontopus.RefusedRollback, refusal.Code)
		})
	}
}

func TestRenewalKeepsTheLaterExpiry(t *testing.T) {
	s := newSite(t)
	first := s.bundle(5, "a")
	renewed := s.bundle(5, "a")
	renewed.Issued, renewed.Expires = first.Issued.Add(7*24*time.Hour), first.Expires.Add(7*24*time.Hour)
	for _, offer := range []struct {
		bundle crontopus.Bundle
		want   time.Time
	}{{first, first.Expires}, {renewed, renewed.Expires}, {first, renewed.Expires}} {
		accepted, refusal := s.accept(s.sign(offer.bundle))
		require.Nil(t, refusal)
		require.Equal(t, offer.want, accepted.Expires)
		stored, err := agent.LoadBundle(s.state)
		require.NoError(t, err)
		require.Equal(t, offer.want, stored.Expires, "a replayed signature does not shorten its life")
	}
}

func TestExpiredBundleStaysInForce(t *testing.T) {
	s := newSite(t)
	_, refusal := s.accept(s.sign(s.bundle(5, "a")))
	require.Nil(t, refusal)
	_, refusal = s.acceptAt(s.sign(s.bundle(6, "b")), issued.Add(365*24*time.Hour))
	require.Equal(t, crontopus.RefusedExpired, refusal.Code)
	require.Equal(t, []string{"a"}, s.inForce())
	found, _, err := agent.LoadJob(s.state, named("a"))
	require.NoError(t, err)
	require.Equal(t, "a", found.Metadata.Name)
}

func TestMaxRemovals(t *testing.T) {
	for _, c := range []struct {
		name    string
		most    int
		next    []string
		refused bool
	}{
		{"none goes", 0, []string{"a", "b", "c"}, false},
		{"one goes, none may", 0, []string{"a", "b"}, true},
		{"one goes, one may", 1, []string{"a", "b", "d"}, false},
		{"all go, two may", 2, []string{}, true},
		{"two are replaced, one may", 1, []string{"a", "x", "y"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.holds("a", "b", "c")
			s.policy = agent.NewPolicy(agent.Rules{MaxRemovals: &c.most}, 1000)
			_, refusal := s.accept(s.sign(s.bundle(6, c.next...)))
			if !c.refused {
				require.Nil(t, refusal)
				return
			}
			require.Equal(t, crontopus.RefusedPolicy, refusal.Code)
			require.Contains(t, refusal.Message, "maxRemovals")
		})
	}
}

// holds writes the record of a scheduler that holds entries for these jobs.
func (s *site) holds(names ...string) {
	applied := agent.Applied{Generation: crontopus.Generation{Epoch: 1, Number: 5}}
	for _, name := range names {
		applied.Entries = append(applied.Entries, agent.Native{Job: named(name), Text: name})
	}
	data, err := json.Marshal(applied)
	require.NoError(s, err)
	require.NoError(s, os.WriteFile(s.state.AppliedFile(), data, 0o600))
}

// LoadJob decodes one job only; it must find the same as LoadBundle does.
func TestLoadJobFindsEveryJob(t *testing.T) {
	s := newSite(t)
	var names []string
	for i := range 37 {
		names = append(names, fmt.Sprintf("job-%03d", i*3))
	}
	_, refusal := s.accept(s.sign(s.bundle(1, names...)))
	require.Nil(t, refusal)
	whole, err := agent.LoadBundle(s.state)
	require.NoError(t, err)
	for i := range whole.Jobs {
		got, revision, err := agent.LoadJob(s.state, whole.Jobs[i].Name())
		require.NoError(t, err)
		require.Equal(t, &whole.Jobs[i], got)
		require.Equal(t, "main@sha1:"+got.Metadata.Name, revision)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := crontopus.JobName{
			Namespace: rapid.SampledFrom([]string{"default", "a", "z"}).Draw(t, "namespace"),
			Name:      fmt.Sprintf("job-%03d", rapid.IntRange(0, 120).Draw(t, "number")),
		}
		_, known := whole.Revisions[name.String()]
		_, _, err := agent.LoadJob(s.state, name)
		require.Equal(t, known, err == nil)
		require.True(t, known || crontopus.ErrorCode(err) == crontopus.CodeNotFound)
	})
}

func TestStoredBundleIsNotTrusted(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *site) error
		code  string
	}{
		"not there yet": {func(s *site) error { return os.Remove(s.state.BundleFile()) }, crontopus.CodeNotFound},
		"empty":         {func(s *site) error { return os.WriteFile(s.state.BundleFile(), nil, 0o600) }, crontopus.CodeInvalid},
		"edited by hand": {func(s *site) error {
			raw, err := os.ReadFile(s.state.BundleFile())
			require.NoError(s, err)
			raw[bytes.Index(raw, []byte(`"payload":"`))+30] ^= 1
			return os.WriteFile(s.state.BundleFile(), raw, 0o600)
		}, crontopus.CodeInvalid},
		"another host's": {func(s *site) error {
			b := s.bundle(5, "a")
			b.Agent = "agent-2"
			return os.WriteFile(s.state.BundleFile(), s.sign(b), 0o600)
		}, crontopus.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			_, refusal := s.accept(s.sign(s.bundle(5, "a")))
			require.Nil(t, refusal)
			require.NoError(t, c.spoil(s))
			_, err := agent.LoadBundle(s.state)
			require.Equal(t, c.code, crontopus.ErrorCode(err))
			require.NotEmpty(t, crontopus.ErrorHint(err))
			_, _, err = agent.LoadJob(s.state, named("a"))
			require.Equal(t, c.code, crontopus.ErrorCode(err))
			require.NotEmpty(t, crontopus.ErrorHint(err))
		})
	}
}

// BenchmarkLoadJob is what a run pays for a bundle of 1,000 jobs before it starts.
func BenchmarkLoadJob(b *testing.B) {
	s := newSite(b)
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("job-%04d", i))
	}
	require.NoError(b, os.WriteFile(s.state.BundleFile(), s.sign(s.bundle(1, names...)), 0o600))
	name := named("job-0700")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := agent.LoadJob(s.state, name); err != nil {
			b.Fatal(err)
		}
	}
}
