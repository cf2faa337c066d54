package failpoint_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

const (
	here  = crontopus.DefaultTenant
	actor = "key:admin"
	runID = "019ab000-0000-7000-8000-000000000001"

	pingedID = "019ab000-0000-7000-8000-000000000002" // a run's without an agent
)

var now = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)

// transact is this test binary when it is started as transactions: it does to a database one of
// the things that the server does in a transaction that writes, so that a test can kill it there.
// What has to be done before is done before, or alone where the stage is "before".
//
//	transactions NAME before|do PATH-OR-URL
func transact(ctx context.Context, args []string) error {
	name, stage, database := args[0], args[1], args[2]
	box, err := store.NewBox("test", [32]byte{1})
	if err != nil {
		return err
	}
	o := store.Options{Box: box, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	if o.Path = database; strings.Contains(database, "://") {
		o.Path, o.URL = "", database
	}
	s, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	for _, t := range transactions {
		if t.name != name {
			continue
		}
		if t.before != nil {
			if err := t.before(ctx, s); err != nil {
				return fmt.Errorf("before: %w", err)
			}
		}
		if stage == "do" {
			if err := t.do(ctx, s); err != nil {
				return err
			}
		}
	}
	return s.Close()
}

func hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// transaction is one thing to do, after what has to be done first, however often.
type transaction struct {
	name       string // of the store's function that writes
	before, do func(context.Context, *store.Store) error
}

// transactions are all of them, in an order in which each finds what those before it have made.
var transactions = []transaction{
	{"setUp", nil, func(context.Context, *store.Store) error { return nil }},
	{"SystemCreateTenant", nil, func(ctx context.Context, s *store.Store) error {
		return s.SystemCreateTenant(ctx, crontopus.Tenant{ID: "other", Name: "Other", CreatedAt: now})
	}},
	{"SystemAdoptBox", nil, func(ctx context.Context, s *store.Store) error { return s.SystemAdoptBox(ctx) }},
	{"SystemServing", nil, func(ctx context.Context, s *store.Store) error { return s.SystemServing(ctx, now) }},
	{"SystemReplaceKeyStatements", nil, func(ctx context.Context, s *store.Store) error {
		return s.SystemReplaceKeyStatements(ctx, "", "[]")
	}},
	{"CreateAPIKey", nil, func(ctx context.Context, s *store.Store) error {
		return s.CreateAPIKey(ctx, here, actor, crontopus.APIKey{ID: "k1", Tenant: here, Name: "ci", Role: crontopus.RoleAdmin, CreatedAt: now}, hash("k1"))
	}},
	{"RevokeAPIKey", nil, func(ctx context.Context, s *store.Store) error { return s.RevokeAPIKey(ctx, here, actor, "k1") }},
	{"CreateEnrollmentToken", nil, func(ctx context.Context, s *store.Store) error {
		return s.CreateEnrollmentToken(ctx, here, actor, crontopus.EnrollmentToken{ID: "t1", Uses: 2, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, hash("t1"))
	}},
	{"SystemEnroll", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.SystemEnroll(ctx, hash("t1"), crontopus.Agent{ID: "a1", Name: "db-01", PublicKey: key(1)}, now)
		return err
	}},
	{"RotateAgentKey", nil, func(ctx context.Context, s *store.Store) error {
		return s.RotateAgentKey(ctx, here, actor, "a1", key(1), key(2))
	}},
	{"SaveReport", nil, func(ctx context.Context, s *store.Store) error {
		return s.SaveReport(ctx, here, "a1", crontopus.AgentReport{At: now, ReceivedAt: now, Version: "1"})
	}},
	{"SystemHeartbeats", nil, func(ctx context.Context, s *store.Store) error {
		return s.SystemHeartbeats(ctx, []crontopus.Heartbeat{{Tenant: here, AgentID: "a1", At: now.Add(time.Hour)}})
	}},
	{"CreateSource", nil, func(ctx context.Context, s *store.Store) error {
		return s.CreateSource(ctx, here, actor, crontopus.Source{ID: "s1", Name: "ops", CreatedAt: now}, crontopus.SourceSecrets{Password: "hunter2"})
	}},
	{"SystemBeginSync", nil, begin},
	{"SystemRequestSync", begin, func(ctx context.Context, s *store.Store) error {
		return s.SystemRequestSync(ctx, "s1", crontopus.TriggerWebhook, now)
	}},
	{"SystemRenewLease", begin, func(ctx context.Context, s *store.Store) error { return s.SystemRenewLease(ctx, "s1", "me", now) }},
	{"SystemAbandonSync", begin, func(ctx context.Context, s *store.Store) error { return s.SystemAbandonSync(ctx, "s1", "me", now) }},
	{"FinishSync", begin, func(ctx context.Context, s *store.Store) error { return s.FinishSync(ctx, here, "s1", outcome()) }},
	{"StallSource", nil, func(ctx context.Context, s *store.Store) error {
		return s.StallSource(ctx, here, "s1", crontopus.ReasonSealBroken, "broken", now)
	}},
	{"changeSource", nil, func(ctx context.Context, s *store.Store) error { return s.SuspendSource(ctx, here, actor, "ops", true) }},
	{"ChangeSourceSecrets", nil, func(ctx context.Context, s *store.Store) error {
		next := crontopus.SourceSecrets{Password: "hunter3"}
		_, err := s.ChangeSourceSecrets(ctx, here, actor, "ops", next, next, now)
		return err
	}},
	{"CommitPublications", nil, publish},
	{"SystemMarkExpiring", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.SystemMarkExpiring(ctx, now.AddDate(1, 0, 0))
		return err
	}},
	{"SystemLeasePublisher", nil, lease},
	{"SystemEndPublisherLease", lease, func(ctx context.Context, s *store.Store) error { return s.SystemEndPublisherLease(ctx, "me") }},
	{"SystemMarkAll", nil, func(ctx context.Context, s *store.Store) error { return s.SystemMarkAll(ctx) }},
	{"SystemRaiseEpoch", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.SystemRaiseEpoch(ctx, now)
		return err
	}},
	{"recordAll", nil, func(ctx context.Context, s *store.Store) error {
		zero := 0
		results, err := s.RecordCheckIns(ctx, here, "a1", []crontopus.CheckIn{
			{RunID: runID, Job: backup, Event: crontopus.EventStart, At: now, Attempt: 1},
			{RunID: runID, Job: backup, Event: crontopus.EventSuccess, At: now.Add(time.Minute), Attempt: 1, ExitCode: &zero, Output: []byte("done")},
		})
		for _, refused := range results {
			if err == nil {
				err = refused
			}
		}
		return err
	}},
	{"Follow", nil, func(ctx context.Context, s *store.Store) error { return s.Follow(ctx, here) }},
	{"dropRuns", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.SystemPruneRuns(ctx, now.AddDate(1, 0, 0), 0)
		return err
	}},
	{"EnsurePingURL", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.EnsurePingURL(ctx, here, backup)
		return err
	}},
	{"LogPing", func(ctx context.Context, s *store.Store) error {
		_, err := s.RecordCheckIns(ctx, here, "", []crontopus.CheckIn{{RunID: pingedID, Job: backup, Event: crontopus.EventStart, At: now}})
		return err
	}, func(ctx context.Context, s *store.Store) error {
		url, err := s.PingURL(ctx, here, backup)
		if err != nil {
			return err
		}
		return s.LogPing(ctx, here, crontopus.Ping{URL: url}, crontopus.CheckIn{RunID: pingedID, Job: backup, Output: []byte("halfway")})
	}},
	{"RotatePingURL", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.RotatePingURL(ctx, here, actor, backup)
		return err
	}},
	{"EnsureBadge", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.EnsureBadge(ctx, here, actor, crontopus.Badge{Namespace: backup.Namespace, Name: backup.Name})
		return err
	}},
	{"RotateBadge", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.RotateBadge(ctx, here, actor, badge(ctx, s))
		return err
	}},
	{"RemoveBadge", nil, func(ctx context.Context, s *store.Store) error {
		return s.RemoveBadge(ctx, here, actor, badge(ctx, s))
	}},
	{"CreatePingKey", nil, func(ctx context.Context, s *store.Store) error {
		return s.CreatePingKey(ctx, here, actor, crontopus.PingKey{ID: "p1", Namespace: backup.Namespace, CreatedAt: now}, hash("p1"))
	}},
	{"RevokePingKey", nil, func(ctx context.Context, s *store.Store) error { return s.RevokePingKey(ctx, here, actor, "p1") }},
	{"SetSecret", nil, func(ctx context.Context, s *store.Store) error {
		return s.SetSecret(ctx, here, actor, "slack", []byte("hunter2"))
	}},
	{"SystemRekey", nil, func(ctx context.Context, s *store.Store) error {
		was, err := store.NewBox("before", [32]byte{2})
		if err != nil {
			return err
		}
		_, err = s.SystemRekey(ctx, was)
		return err
	}},
	{"CreateTest", nil, func(ctx context.Context, s *store.Store) error {
		return s.CreateTest(ctx, here, actor, crontopus.Notification{ID: "n1", Channel: backup, At: now})
	}},
	{"RecordAttempt", nil, func(ctx context.Context, s *store.Store) error {
		return s.RecordAttempt(ctx, here, "n1", &crontopus.Attempt{At: now, OK: true}, crontopus.NotificationDelivered)
	}},
	{"ChangeIncident", openIncident, func(ctx context.Context, s *store.Store) error {
		_, err := s.ChangeIncident(ctx, here, actor, "i1", now, func(in *crontopus.Incident) (crontopus.IncidentEvent, error) {
			in.AcknowledgedBy = actor
			return crontopus.IncidentEvent{What: "acknowledged"}, nil
		})
		return err
	}},
	{"CreateSilence", nil, func(ctx context.Context, s *store.Store) error {
		return s.CreateSilence(ctx, here, actor, crontopus.Silence{ID: "q1", Match: crontopus.Match{All: true}, CreatedAt: now, Until: now.Add(time.Hour)})
	}},
	{"EndSilence", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.EndSilence(ctx, here, actor, "q1", now)
		return err
	}},
	{"DeleteSecret", nil, func(ctx context.Context, s *store.Store) error { return s.DeleteSecret(ctx, here, actor, "slack") }},
	{"SystemAdopt", nil, func(ctx context.Context, s *store.Store) error { return s.SystemAdopt(ctx, now) }},
	{"SystemLook", nil, look},
	{"SystemRoute", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.SystemRoute(ctx, now, 10, func(cases []crontopus.Case) (decisions []crontopus.Decision) {
			for i := range cases {
				decisions = append(decisions, crontopus.Decision{Incident: cases[i].Incident, Routing: crontopus.Routing{Told: map[string]crontopus.Told{"ops/chat": {What: crontopus.NotifyOpened}}}})
			}
			return decisions
		})
		return err
	}},
	{"RevokeAgent", nil, func(ctx context.Context, s *store.Store) error {
		_, err := s.RevokeAgent(ctx, here, actor, "db-01", now)
		return err
	}},
	{"DropSource", removed, func(ctx context.Context, s *store.Store) error { return s.DropSource(ctx, here, "s1", []string{"a1"}) }},
}

var backup = crontopus.JobName{Namespace: "production", Name: "backup"}

func key(n byte) []byte { h := sha256.Sum256([]byte{n}); return h[:] }

func begin(ctx context.Context, s *store.Store) error { return s.SystemBeginSync(ctx, "s1", "me", now) }

// look finds something wrong with whatever is watched.
func look(ctx context.Context, s *store.Store) error {
	_, err := s.SystemLook(ctx, now, 10, func(looks []crontopus.Look) (verdicts []crontopus.Verdict) {
		for i := range looks {
			v := crontopus.Verdict{Watch: looks[i].Watch}
			v.Watch.LookAt = now.Add(time.Hour)
			if looks[i].Incident == nil {
				in := crontopus.Incident{ID: v.Watch.ID, WatchID: v.Watch.ID, Kind: crontopus.AlertFailed, OpenedAt: now}
				v.Incidents = []crontopus.Incident{in}
				v.Events = []crontopus.IncidentEvent{{ID: v.Watch.ID, Incident: in.ID, At: now, What: "opened"}}
			}
			verdicts = append(verdicts, v)
		}
		return verdicts
	})
	return err
}

func lease(ctx context.Context, s *store.Store) error {
	return s.SystemLeasePublisher(ctx, "me", now, now.Add(time.Minute))
}

// openIncident is one about the agent, unless it is there.
func openIncident(ctx context.Context, s *store.Store) error {
	_, err := s.SystemLook(ctx, now, 100, func(looks []crontopus.Look) []crontopus.Verdict {
		verdicts := make([]crontopus.Verdict, len(looks))
		for i := range looks {
			w := looks[i].Watch
			w.LookAt = now.Add(time.Hour)
			verdicts[i].Watch = w
			if w.ID == crontopus.AgentWatchID("a1") && looks[i].Incident == nil {
				verdicts[i].Incidents = []crontopus.Incident{{ID: "i1", WatchID: w.ID, Kind: crontopus.AlertDrift, State: crontopus.IncidentOpen, OpenedAt: now}}
			}
		}
		return verdicts
	})
	return err
}

// badge is the id of the only one, "" where there is none.
func badge(ctx context.Context, s *store.Store) string {
	list, _, err := s.Badges(ctx, here, crontopus.Page{})
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0].ID
}

func removed(ctx context.Context, s *store.Store) error {
	err := s.RemoveSource(ctx, here, actor, "ops", now)
	if crontopus.ErrorCode(err) == crontopus.CodeConflict {
		return nil // it was done before
	}
	return err
}

// outcome is a sync that went well and found one job.
func outcome() crontopus.SyncOutcome {
	job := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob,
		Metadata: crontopus.Metadata{Namespace: backup.Namespace, Name: backup.Name},
		Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{"30 2 * * *"}, Target: crontopus.Target{All: true},
			Run: crontopus.RunSpec{Command: []string{"/bin/true"}}}}
	job.SetDefaults()
	next := now.Add(time.Minute)
	return crontopus.SyncOutcome{
		Owner:  "me",
		Sync:   crontopus.Sync{ID: "y1", Trigger: crontopus.TriggerPoll, Started: now, Finished: &next, Reason: crontopus.ReasonSynced, Stages: []crontopus.SyncStage{}},
		Status: crontopus.SourceStatus{Jobs: 1, NextAttemptAt: &next, Conditions: []crontopus.Condition{}},
		Desired: &crontopus.DesiredState{SourceID: "s1", Revision: "main@sha1:1", Seal: []byte("sealed"),
			Jobs: []crontopus.DesiredJob{{Job: job, Digest: job.Digest(), SourceID: "s1", Path: "a.yaml", Line: 1, Revision: "main@sha1:1"}}},
		Mark: []string{"a1"},
	}
}

func publish(ctx context.Context, s *store.Store) error {
	set, err := s.DesiredSet(ctx, here)
	if err != nil {
		return err
	}
	marks, err := s.SystemMarked(ctx, "", 10)
	if err != nil {
		return err
	}
	return s.CommitPublications(ctx, here, set.Sequence, []crontopus.Publication{{Tenant: here, AgentID: "a1",
		Generation: crontopus.Generation{Epoch: 1, Number: 1}, JobsDigest: "d", Envelope: []byte("{}"),
		Issued: now, Expires: now.AddDate(0, 0, 14), Jobs: []crontopus.JobName{backup}}}, marks)
}
