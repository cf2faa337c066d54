package app_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/token"
	"crontopus.dev/crontopus/store"
)

// setting is what a server of recorded exchanges knew before they began.
type setting struct {
	Version      string    // of the programs
	Now          time.Time // by the server's clock; the agents' are wrong, and mend themselves
	Installation crontopus.Installation
	Token        string
	Keys         api.Keys
	Bundle       json.RawMessage // the payload
	Envelope     string
	AgentID      string // that the enrolment gave
}

// stage is a server of this version in a setting.
type stage struct {
	setting
	*store.Store
	api *api.API
}

// unpinged is a store that shares no transactions, whom nobody pings.
type unpinged struct{ *store.Store }

func (unpinged) RecordPing(context.Context, crontopus.Ping) error { return nil }

func newStage(t *testing.T, s setting) *stage {
	t.Helper()
	box, err := store.NewBox("test", [32]byte{1})
	require.NoError(t, err)
	st := &stage{setting: s}
	st.Store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "crontopus.db"), Box: box, Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	st.api, err = api.New(api.Options{Store: unpinged{st.Store}, Now: func() time.Time { return s.Now }, Log: slog.New(slog.DiscardHandler),
		Version: s.Version, Installation: s.Installation, Keys: s.Keys})
	require.NoError(t, err)
	require.NoError(t, st.CreateEnrollmentToken(t.Context(), crontopus.DefaultTenant, "test",
		crontopus.EnrollmentToken{ID: "t", Name: "db-01", Labels: map[string]string{"role": "db"}, Uses: 1, ExpiresAt: s.Now.Add(time.Hour)}, token.Hash(s.Token)))
	return st
}

func arrangePublish(t *testing.T, s *stage) {
	var b crontopus.Bundle
	require.NoError(t, json.Unmarshal(s.Bundle, &b))
	p := crontopus.Publication{Tenant: crontopus.DefaultTenant, AgentID: s.AgentID, Generation: b.Gen(), JobsDigest: b.JobsDigest,
		Envelope: []byte(s.Envelope), Issued: b.Issued, Expires: b.Expires}
	desired := crontopus.DesiredState{SourceID: "s", Revision: "main@sha1:1"}
	for _, j := range b.Jobs {
		p.Jobs = append(p.Jobs, j.Name())
		desired.Jobs = append(desired.Jobs, crontopus.DesiredJob{Job: j, Digest: j.Digest(), SourceID: "s"})
	}
	require.NoError(t, s.CreateSource(t.Context(), crontopus.DefaultTenant, "test", crontopus.Source{ID: "s", Name: "ops"}, crontopus.SourceSecrets{}))
	require.NoError(t, s.SystemBeginSync(t.Context(), "s", "test", s.Now))
	require.NoError(t, s.FinishSync(t.Context(), crontopus.DefaultTenant, "s", crontopus.SyncOutcome{Owner: "test", Desired: &desired}))
	require.NoError(t, s.CommitPublications(t.Context(), crontopus.DefaultTenant, 1, []crontopus.Publication{p}, nil))
	s.api.Published(crontopus.DefaultTenant, []string{s.AgentID})
}

func arrangeRevoke(t *testing.T, s *stage) {
	_, err := s.RevokeAgent(t.Context(), crontopus.DefaultTenant, "test", s.AgentID, s.Now)
	require.NoError(t, err)
	s.api.Published(crontopus.DefaultTenant, []string{s.AgentID})
}

// newSetting is one of today: keys whose statements name them, and a token.
func newSetting(t *testing.T) setting {
	t.Helper()
	signing, recovery := exchangeKey(1), exchangeKey(2)
	s := setting{Version: cmp.Or(*record, "v-of-now"), Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Installation: crontopus.Installation{ID: "installation", Epoch: 1}, Token: token.New(token.Enrollment)}
	s.Keys.Set = crontopus.KeySet{Installation: s.Installation.ID, Version: crontopus.KeySetVersion{Sequence: 1}, Issued: s.Now,
		Keys: []crontopus.Key{envelope.PublicKey(signing.Public().(ed25519.PublicKey))}, RecoveryKey: envelope.PublicKey(recovery.Public().(ed25519.PublicKey))}
	statement, err := envelope.SignKeySet(s.Keys.Set, signing)
	require.NoError(t, err)
	s.Keys.Statements, s.Keys.Fingerprints = [][]byte{statement}, []string{s.Keys.Set.Keys[0].ID}
	return s
}

func exchangeKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// signFor makes the agent's bundle.
func (s *stage) signFor(t *testing.T, agentID string) {
	t.Helper()
	job := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob, Metadata: crontopus.Metadata{Name: "hello"},
		Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{"30 2 * * *"}, Target: crontopus.Target{All: true},
			Run: crontopus.RunSpec{Command: []string{"/bin/true"}}}, Source: "https://git.example.com/ops/jobs.git"}
	job.SetDefaults()
	b := crontopus.Bundle{Tenant: crontopus.DefaultTenant, Agent: agentID, Epoch: 1, Generation: 1, Issued: s.Now,
		Expires: s.Now.Add(14 * 24 * time.Hour), Jobs: []crontopus.Job{job}, Revisions: map[string]string{"default/hello": "main@sha1:1"}}
	b.JobsDigest = crontopus.JobsDigest(b.Jobs)
	payload, err := json.Marshal(b)
	require.NoError(t, err)
	signed, err := envelope.Sign(crontopus.BundlePayloadType, payload, exchangeKey(1))
	require.NoError(t, err)
	s.AgentID, s.Bundle, s.Envelope = agentID, payload, string(signed)
}

// guest is an agent of this version that talks to some server.
type guest struct {
	setting
	url      string
	key      ed25519.PrivateKey
	agent    *client.Client
	enrolled wire.Enrolled
	tag      string
}

func (g *guest) poll(t *testing.T) (raw []byte, changed bool) {
	t.Helper()
	raw, tag, changed, err := g.agent.Bundle(t.Context(), g.tag, 0, g.Now.Add(-time.Minute))
	require.NoError(t, err)
	g.tag = tag
	return raw, changed
}

// steps are what an agent and its server go through. arrange is what happens at the server before.
var steps = []struct {
	name    string
	arrange func(*testing.T, *stage)
	ask     func(*testing.T, *guest)
}{
	{"enroll", nil, func(t *testing.T, g *guest) {
		c, err := client.New(g.url, client.As(agent.Program, g.Version))
		require.NoError(t, err)
		g.enrolled, err = c.Enroll(t.Context(), g.key, wire.Enroll{Token: g.Token, Facts: map[string]string{"os": "linux"}})
		require.NoError(t, err)
		require.Equal(t, "db-01", g.enrolled.Name)
		require.Equal(t, g.Installation.ID, g.enrolled.InstallationID)
		require.Equal(t, g.Keys.Set.Keys, g.enrolled.KeySet)
		require.Equal(t, g.Keys.Set.RecoveryKey, g.enrolled.RecoveryKey)
		g.agent, err = client.New(g.url, client.WithAgent(g.enrolled.AgentID, g.enrolled.InstallationID, g.key), client.As(agent.Program, g.Version))
		require.NoError(t, err)
	}},
	{"no-bundle-yet", nil, func(t *testing.T, g *guest) {
		_, changed := g.poll(t)
		require.False(t, changed)
	}},
	{"bundle", arrangePublish, func(t *testing.T, g *guest) {
		raw, changed := g.poll(t)
		require.True(t, changed)
		state := agent.State{Dir: t.TempDir()}
		require.NoError(t, state.Create())
		id := &agent.Identity{Server: g.url, Enrolled: g.enrolled}
		accepted, refusal, err := (&agent.Gate{State: state}).Accept(id, agent.NewPolicy(agent.Rules{}, 1000), raw, g.Now)
		require.NoError(t, err)
		require.Nil(t, refusal)
		require.Equal(t, "hello", accepted.Jobs[0].Metadata.Name)
	}},
	{"unchanged", nil, func(t *testing.T, g *guest) {
		_, changed := g.poll(t)
		require.False(t, changed)
		require.Equal(t, g.Keys.Set.Version, g.agent.KeySetVersion())
	}},
	{"keys", nil, func(t *testing.T, g *guest) {
		statements, err := g.agent.KeyStatements(t.Context())
		require.NoError(t, err)
		set, err := envelope.Pin(g.Keys.Set.Keys[0].ID, statements)
		require.NoError(t, err)
		require.Equal(t, g.Keys.Set.Version, set.Version)
	}},
	{"report", nil, func(t *testing.T, g *guest) {
		require.NoError(t, g.agent.Report(t.Context(), crontopus.AgentReport{At: g.Now, Instance: crontopus.Instance{Name: "one"},
			Version: g.Version, Scheduler: "crontab", Timezone: "Europe/Helsinki", Facts: map[string]string{"os": "linux"},
			Applied: crontopus.Generation{Epoch: 1, Number: 1}, Paused: true,
			Denied: []crontopus.Denial{{Job: crontopus.JobName{Namespace: "default", Name: "other"}, Reason: "not allowed"}}}))
	}},
	{"check-ins", nil, func(t *testing.T, g *guest) {
		hello := crontopus.JobName{Namespace: "default", Name: "hello"}
		due, code := g.Now.Add(-time.Minute), 0
		results, err := g.agent.CheckIns(t.Context(), []crontopus.CheckIn{
			{RunID: "01930000-0000-7000-8000-000000000001", Job: hello, Event: crontopus.EventStart, ScheduledFor: &due, At: g.Now, Attempt: 1},
			{RunID: "01930000-0000-7000-8000-000000000001", Job: hello, Event: crontopus.EventSuccess, ScheduledFor: &due, At: g.Now, Attempt: 1,
				ExitCode: &code, Output: []byte("done\n")},
			{RunID: "01930000-0000-7000-8000-000000000002", Job: crontopus.JobName{Namespace: "default", Name: "not-mine"}, Event: crontopus.EventStart, At: g.Now, Attempt: 1},
		})
		require.NoError(t, err)
		require.Equal(t, []int{200, 200, 404}, []int{results[0].Status, results[1].Status, results[2].Status})
	}},
	{"rotate-key", nil, func(t *testing.T, g *guest) {
		next := exchangeKey(9)
		require.NoError(t, g.agent.RotateAgentKey(t.Context(), next))
		g.agent.UseAgentKey(next)
	}},
	{"with-the-next-key", nil, func(t *testing.T, g *guest) {
		_, changed := g.poll(t)
		require.False(t, changed)
	}},
	{"revoked", arrangeRevoke, func(t *testing.T, g *guest) {
		_, _, _, err := g.agent.Bundle(t.Context(), g.tag, 0, time.Time{})
		require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(err))
	}},
}

// A new version's exchanges are recorded with -record vN, from the present agent and server.
func TestRecordExchanges(t *testing.T) {
	s, dir := newSetting(t), filepath.Join(t.TempDir(), "v")
	if *record != "" {
		dir = filepath.Join(exchangesDir, *record)
	}
	st := newStage(t, s)
	r := &recorder{Handler: st.api}
	server := httptest.NewServer(r)
	defer server.Close()
	g := &guest{setting: s, url: server.URL, key: exchangeKey(8)}
	for _, step := range steps {
		r.step = step.name
		if step.arrange != nil {
			if s.AgentID == "" {
				st.signFor(t, g.enrolled.AgentID)
				s = st.setting
			}
			step.arrange(t, st)
		}
		step.ask(t, g)
	}
	writeExchanges(t, dir, s, r.all)
	again, all := readExchanges(t, dir)
	require.Equal(t, s.AgentID, again.AgentID)
	require.Len(t, all, len(r.all))
	for _, e := range all { // answers of each kind are there
		require.NotEmpty(t, e.Answer.Header[http.CanonicalHeaderKey(wire.HeaderVersion)])
		require.Equal(t, agent.Program+"/"+s.Version, e.Request.Header["User-Agent"])
	}
}
