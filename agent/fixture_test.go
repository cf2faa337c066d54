package agent_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/envelope"
)

// issued is when the bundles of these tests were signed.
var issued = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// site is an enrolled host, and the installation that signs for it.
type site struct {
	testing.TB
	state  agent.State
	id     *agent.Identity
	signer ed25519.PrivateKey
	policy *agent.Policy
}

func seededKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func wireKey(key ed25519.PrivateKey) wire.Key {
	pub := key.Public().(ed25519.PublicKey)
	return wire.Key{ID: envelope.KeyID(pub), Public: pub}
}

func newSite(t testing.TB) *site {
	s := &site{TB: t, state: agent.State{Dir: t.TempDir()}, signer: seededKey(1), policy: agent.NewPolicy(agent.Rules{}, 1000)}
	require.NoError(t, s.state.Create())
	s.id = &agent.Identity{Server: "http://127.0.0.1:1", Enrolled: wire.Enrolled{
		AgentID: "agent-1", Tenant: "default", Name: "db-01", InstallationID: "inst", KeySet: []wire.Key{wireKey(s.signer)},
	}}
	data, err := json.Marshal(s.id)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.state.IdentityFile(), data, 0o600))
	return s
}

// job returns a job of default/NAME that runs echo NAME every minute.
func job(name string) crontopus.Job {
	j := crontopus.Job{
		APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob,
		Metadata: crontopus.Metadata{Name: name},
		Spec: crontopus.JobSpec{
			Schedule: crontopus.Schedules{"* * * * *"}, Target: crontopus.Target{All: true},
			Run: crontopus.RunSpec{Command: []string{"/bin/echo", name}},
		},
		Source: "https://git.example.com/ops/jobs.git",
	}
	j.SetDefaults()
	return j
}

// bundle returns the site's bundle of a generation with jobs of these names.
func (s *site) bundle(number int64, names ...string) crontopus.Bundle {
	b := crontopus.Bundle{
		Tenant: s.id.Tenant, Agent: s.id.AgentID, Epoch: 1, Generation: number,
		Issued: issued, Expires: issued.Add(14 * 24 * time.Hour), Revisions: map[string]string{},
	}
	for _, name := range names {
		j := job(name)
		b.Jobs = append(b.Jobs, j)
		b.Revisions[j.Name().String()] = "main@sha1:" + name
	}
	b.JobsDigest = crontopus.JobsDigest(b.Jobs)
	return b
}

// sign puts a bundle, or whatever else, into an envelope.
func (s *site) sign(payload any) []byte {
	data, err := json.Marshal(payload)
	require.NoError(s, err)
	raw, err := envelope.Sign(crontopus.BundlePayloadType, data, s.signer)
	require.NoError(s, err)
	return raw
}

// accept offers an envelope an hour after it was issued.
func (s *site) accept(raw []byte) (*crontopus.Bundle, *crontopus.Refusal) {
	return s.acceptAt(raw, issued.Add(time.Hour))
}

func (s *site) acceptAt(raw []byte, now time.Time) (*crontopus.Bundle, *crontopus.Refusal) {
	s.Helper()
	b, refusal, err := (&agent.Gate{State: s.state}).Accept(s.id, s.policy, raw, now)
	require.NoError(s, err)
	require.NotEqual(s, b == nil, refusal == nil, "accepted or refused, never both")
	return b, refusal
}

// inForce returns the jobs that runs find.
func (s *site) inForce() []string {
	s.Helper()
	b, err := agent.LoadBundle(s.state)
	require.NoError(s, err)
	names := []string{}
	for _, j := range b.Jobs {
		names = append(names, j.Metadata.Name)
	}
	return names
}

// named returns the whole name of what job makes.
func named(name string) crontopus.JobName {
	return crontopus.JobName{Namespace: crontopus.DefaultNamespace, Name: name}
}
