package storetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// t0 is when the cases happen.
var t0 = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)

const (
	here  = crontopus.DefaultTenant
	there = crontopus.TenantID("other")
	actor = "key:admin"
)

// hash is what a secret is stored as.
func hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// requireCode fails unless err carries the code.
func requireCode(t require.TestingT, code string, err error) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	require.Error(t, err)
	require.Equal(t, code, crontopus.ErrorCode(err), "%v", err)
}

// world is a tenant with something of everything in it.
type world struct {
	t      testing.TB
	s      *store.Store
	tenant crontopus.TenantID
}

func newWorld(t testing.TB, s *store.Store, tenant crontopus.TenantID) world {
	require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: tenant, Name: string(tenant), CreatedAt: t0}))
	return world{t, s, tenant}
}

// Furnish makes a tenant with something of everything: a row at least in every table.
func Furnish(t testing.TB, s *store.Store, tenant crontopus.TenantID) {
	w := newWorld(t, s, tenant)
	a := w.agent("db-01")
	src := w.source("ops")
	o := w.outcome(src, "backup")
	o.Desired.Jobs = append(o.Desired.Jobs, pingJob(src, "nas"))
	o.Alerting = []crontopus.DesiredAlerting{policy(src, "critical"), channel(src, "chat"), window(src, "weekend")}
	require.NoError(t, s.FinishSync(t.Context(), tenant, src.ID, o))
	w.publish(a, 1, "backup")
	w.record(a.ID, checkIn("backup", crontopus.EventStart))
	require.NoError(t, s.SetSecret(t.Context(), tenant, actor, "slack", []byte("hunter2")))
	require.NoError(t, s.CreateTest(t.Context(), tenant, actor, testOf("n1")))
	_, err := s.EnsureBadge(t.Context(), tenant, actor, badge("backup"))
	require.NoError(t, err)
	key := apiKey(string(tenant))
	key.Tenant = tenant
	require.NoError(t, s.CreateAPIKey(t.Context(), tenant, actor, key, hash(key.ID)))
	w.incident(a)
}

// incident opens one for what is watched of an agent.
func (w world) incident(a crontopus.Agent) {
	look(w.t, w.s, soon(), func(l *crontopus.Look) crontopus.Verdict {
		v := crontopus.Verdict{Watch: l.Watch}
		if l.Watch.AgentID == a.ID && l.Watch.Tenant == w.tenant {
			in := incident(&l.Watch, crontopus.AlertFailed, l.Now)
			v.Incidents = []crontopus.Incident{in}
			v.Events = []crontopus.IncidentEvent{{ID: uuid.NewString(), Incident: in.ID, At: l.Now, What: "opened"}}
		}
		return v
	})
}

// Signal leaves one for the detector of a tenant that Furnish made. Furnishing another tenant
// has everything looked at.
func Signal(t testing.TB, s *store.Store, tenant crontopus.TenantID) {
	w := world{t, s, tenant}
	a, err := s.AgentByName(t.Context(), tenant, "db-01")
	require.NoError(t, err)
	w.record(a.ID, checkIn("backup", crontopus.EventFailure))
}

// token makes an enrolment token and returns its hash.
func (w world) token(change func(*crontopus.EnrollmentToken)) [32]byte {
	k := crontopus.EnrollmentToken{ID: uuid.NewString(), Labels: map[string]string{"role": "db"}, Uses: 1,
		CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
	if change != nil {
		change(&k)
	}
	secret := hash(k.ID)
	require.NoError(w.t, w.s.CreateEnrollmentToken(w.t.Context(), w.tenant, actor, k, secret))
	return secret
}

// candidate is a host that asks to be enrolled and proposes a name.
func candidate(name string) crontopus.Agent {
	public, _, _ := ed25519.GenerateKey(nil)
	return crontopus.Agent{ID: uuid.NewString(), Name: name, PublicKey: public, Facts: map[string]string{"os": "linux"}}
}

// agent enrolls an agent.
func (w world) agent(name string) crontopus.Agent {
	a, err := w.s.SystemEnroll(w.t.Context(), w.token(nil), candidate(name), t0)
	require.NoError(w.t, err)
	return a
}

// source adds a source.
func (w world) source(name string) crontopus.Source {
	src := crontopus.Source{ID: uuid.NewString(), Name: name, URL: "https://git.example.com/ops/" + name, Branch: "main",
		Path: "cron", Interval: crontopus.Duration(time.Minute), CreatedAt: t0}
	require.NoError(w.t, w.s.CreateSource(w.t.Context(), w.tenant, actor, src,
		crontopus.SourceSecrets{Username: "bot", Password: "hunter2", WebhookSecret: "s3cret"}))
	src, err := w.s.Source(w.t.Context(), w.tenant, name)
	require.NoError(w.t, err)
	return src
}

// job is a desired job in the namespace production.
func job(src crontopus.Source, name string) crontopus.DesiredJob {
	j := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob,
		Metadata: crontopus.Metadata{Name: name, Namespace: "production"},
		Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{"30 2 * * *"}, Target: crontopus.Target{All: true},
			Run: crontopus.RunSpec{Command: []string{"/bin/true"}}}}
	j.SetDefaults()
	return crontopus.DesiredJob{Job: j, Digest: j.Digest(), SourceID: src.ID, Path: name + ".yaml", Line: 1,
		Revision: "main@sha1:1", Commit: crontopus.Commit{Hash: "1", Author: "Ada", Subject: "add " + name, At: t0}}
}

func named(name string) crontopus.JobName {
	return crontopus.JobName{Namespace: "production", Name: name}
}

// sequence is the one that a sync of the source would have read.
func (w world) sequence(src crontopus.Source) int64 {
	set, err := w.s.DesiredSet(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	for _, state := range set.States {
		if state.SourceID == src.ID {
			return state.Sequence
		}
	}
	return 0
}

// outcome is a sync that went well and found the jobs.
func (w world) outcome(src crontopus.Source, jobs ...string) crontopus.SyncOutcome {
	next := t0.Add(time.Minute)
	o := crontopus.SyncOutcome{
		Sync: crontopus.Sync{ID: uuid.NewString(), Trigger: crontopus.TriggerPoll, Started: t0, Finished: &next,
			Reason: crontopus.ReasonSynced, Message: "synced", Stages: []crontopus.SyncStage{}},
		Status: crontopus.SourceStatus{Jobs: len(jobs), NextAttemptAt: &next, Conditions: []crontopus.Condition{
			{Type: crontopus.ConditionReady, Status: true, Reason: crontopus.ReasonSynced, Message: "ok", Since: t0}}},
		Desired: &crontopus.DesiredState{SourceID: src.ID, Sequence: w.sequence(src), Revision: "main@sha1:1", Seal: []byte("sealed")},
	}
	for _, name := range jobs {
		o.Desired.Jobs = append(o.Desired.Jobs, job(src, name))
	}
	return o
}

// sync makes the jobs the source's desired state.
func (w world) sync(src crontopus.Source, jobs ...string) {
	require.NoError(w.t, w.s.FinishSync(w.t.Context(), w.tenant, src.ID, w.outcome(src, jobs...)))
}

// publish makes a bundle with the jobs the agent's newest.
func (w world) publish(a crontopus.Agent, number int64, jobs ...string) {
	set, err := w.s.DesiredSet(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	p := crontopus.Publication{Tenant: w.tenant, AgentID: a.ID, Generation: crontopus.Generation{Epoch: 1, Number: number},
		JobsDigest: fmt.Sprint(jobs), Envelope: []byte("{}"), Issued: t0, Expires: t0.Add(14 * 24 * time.Hour)}
	for _, name := range jobs {
		p.Jobs = append(p.Jobs, named(name))
	}
	require.NoError(w.t, w.s.CommitPublications(w.t.Context(), w.tenant, set.Sequence, []crontopus.Publication{p}, nil))
}

// checkIn is one about a new run.
func checkIn(jobName string, event crontopus.Event) crontopus.CheckIn {
	return crontopus.CheckIn{RunID: uuid.NewString(), Job: named(jobName), Event: event, At: t0, Attempt: 1}
}

// record stores check-ins that must all be welcome.
func (w world) record(agentID string, list ...crontopus.CheckIn) {
	results, err := w.s.RecordCheckIns(w.t.Context(), w.tenant, agentID, list)
	require.NoError(w.t, err)
	for _, err := range results {
		require.NoError(w.t, err)
	}
}
