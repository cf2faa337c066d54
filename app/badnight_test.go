package app_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// night is a host with jobs on a real database, in a time that the test makes.
type night struct {
	t     *testing.T
	s     *store.Store
	now   time.Time
	agent crontopus.Agent
	more  []crontopus.Agent // without jobs
	jobs  []crontopus.JobName
	told  []string // "what sentence", in the order in which it was decided

	others []*store.Store // other servers on the same database, which look at the same time
}

// jobsOfTheNight run once an hour, each at another minute.
const jobsOfTheNight = 40

func newNight(t *testing.T, o store.Options) *night {
	box, err := store.NewBox("test", [32]byte{1})
	require.NoError(t, err)
	n := &night{t: t, now: time.Date(2026, 3, 3, 1, 50, 0, 0, time.UTC)}
	o.Box, o.Now, o.Log = box, func() time.Time { return n.now }, slog.New(slog.DiscardHandler)
	n.s, err = store.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.s.Close()) })
	ctx, tenant := t.Context(), crontopus.DefaultTenant
	hash := sha256.Sum256([]byte("token"))
	require.NoError(t, n.s.CreateEnrollmentToken(ctx, tenant, "key:admin", crontopus.EnrollmentToken{ID: "t", Uses: 1, CreatedAt: n.now, ExpiresAt: n.now.Add(time.Hour)}, hash))
	key, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	n.agent, err = n.s.SystemEnroll(ctx, hash, crontopus.Agent{ID: uuid.NewString(), Name: "db-01", PublicKey: key}, n.now)
	require.NoError(t, err)
	src := crontopus.Source{ID: uuid.NewString(), Name: "ops", URL: "https://git.example.com/ops/jobs.git", Branch: "main", Interval: crontopus.Duration(time.Minute), CreatedAt: n.now}
	require.NoError(t, n.s.CreateSource(ctx, tenant, "key:admin", src, crontopus.SourceSecrets{}))
	require.NoError(t, n.s.SystemBeginSync(ctx, src.ID, "me", n.now))
	require.NoError(t, n.s.FinishSync(ctx, tenant, src.ID, n.push(src)))
	set, err := n.s.DesiredSet(ctx, tenant)
	require.NoError(t, err)
	require.NoError(t, n.s.CommitPublications(ctx, tenant, set.Sequence, []crontopus.Publication{{Tenant: tenant, AgentID: n.agent.ID,
		Generation: crontopus.Generation{Epoch: 1, Number: 1}, JobsDigest: "d", Envelope: []byte("{}"), Issued: n.now, Expires: n.now.AddDate(0, 0, 14), Jobs: n.jobs}}, nil))
	return n
}

// push is the sync that brings the jobs, and a channel that is told of everything.
func (n *night) push(src crontopus.Source) crontopus.SyncOutcome {
	channel := &crontopus.NotificationChannel{Kind: crontopus.KindNotificationChannel, Metadata: crontopus.Metadata{Name: "chat"},
		Spec: crontopus.ChannelSpec{Type: crontopus.ChannelSlack, Default: true, Slack: &crontopus.SlackChannel{URL: "secret:chat"}}}
	channel.SetDefaults()
	o := crontopus.SyncOutcome{Owner: "me", Sync: crontopus.Sync{ID: uuid.NewString(), Trigger: crontopus.TriggerPoll, Started: n.now, Finished: &n.now, Reason: crontopus.ReasonSynced, Stages: []crontopus.SyncStage{}},
		Status:   crontopus.SourceStatus{Conditions: []crontopus.Condition{{Type: crontopus.ConditionReady, Status: true, Reason: crontopus.ReasonSynced, Since: n.now}}},
		Desired:  &crontopus.DesiredState{SourceID: src.ID, Revision: "main@sha1:1", Seal: []byte("sealed")},
		Alerting: []crontopus.DesiredAlerting{{AlertingManifest: crontopus.AlertingManifest{Channel: channel}, SourceID: src.ID, Path: "alerting.yaml", Line: 1, Revision: "main@sha1:1"}}}
	for i := range jobsOfTheNight {
		job := crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob, Metadata: crontopus.Metadata{Name: fmt.Sprintf("job-%02d", i)},
			Spec: crontopus.JobSpec{Schedule: crontopus.Schedules{fmt.Sprintf("%d * * * *", i+5)}, Target: crontopus.Target{All: true},
				Run: crontopus.RunSpec{Command: []string{"/bin/true"}}, Monitor: crontopus.Monitor{Grace: crontopus.Duration(5 * time.Minute)}}}
		job.SetDefaults()
		n.jobs = append(n.jobs, job.Name())
		o.Desired.Jobs = append(o.Desired.Jobs, crontopus.DesiredJob{Job: job, Digest: job.Digest(), SourceID: src.ID, Path: "jobs.yaml", Line: i + 1, Revision: "main@sha1:1",
			Commit: crontopus.Commit{Hash: "0123456789abcdef", Author: "Ada", Subject: "dump at night", At: n.now}})
	}
	return o
}

// checkIn tells of one run; a failed one has an exit code.
func (n *night) checkIn(job crontopus.JobName, due time.Time, failed bool) {
	c := crontopus.CheckIn{RunID: uuid.NewString(), Job: job, Event: crontopus.EventSuccess, ScheduledFor: &due, At: due.Add(time.Second)}
	if code := 3; failed {
		c.Event, c.ExitCode, c.Output = crontopus.EventFailure, &code, []byte("no such table: orders\n")
	}
	results, err := n.s.RecordCheckIns(n.t.Context(), crontopus.DefaultTenant, n.agent.ID, []crontopus.CheckIn{c})
	require.NoError(n.t, err)
	require.NoError(n.t, results[0])
}

// ran tells of every run that was due in an hour's minutes; two fail where failed says so.
func (n *night) ran(hour time.Time, failed bool) {
	for i, job := range n.jobs {
		n.checkIn(job, hour.Add(time.Duration(i+5)*time.Minute), failed && (i == 7 || i == 21))
	}
}

// until lets time pass: somebody answers agents, the host is heard of if it is up, and everything is looked at.
func (n *night) until(end time.Time, up bool) {
	ctx := n.t.Context()
	for ; n.now.Before(end); n.now = n.now.Add(30 * time.Second) {
		require.NoError(n.t, n.s.SystemServing(ctx, n.now))
		if at := n.now; up {
			var beats []crontopus.Heartbeat
			for _, a := range append([]crontopus.Agent{n.agent}, n.more...) {
				beats = append(beats, crontopus.Heartbeat{Tenant: crontopus.DefaultTenant, AgentID: a.ID, At: at, SpoolDrained: &at})
			}
			require.NoError(n.t, n.s.SystemHeartbeats(ctx, beats))
		}
		var servers sync.WaitGroup
		for _, s := range n.others {
			servers.Go(func() { n.look(ctx, s, func(string) {}) })
		}
		n.look(ctx, n.s, func(told string) { n.told = append(n.told, told) })
		servers.Wait()
	}
}

// look judges and routes what is due, as a server does every second.
func (n *night) look(ctx context.Context, s *store.Store, tell func(string)) {
	for again := true; again; {
		looked, err := s.SystemLook(ctx, n.now, 100, func(looks []crontopus.Look) (verdicts []crontopus.Verdict) {
			for i := range looks {
				verdicts = append(verdicts, alert.Judge(&looks[i]))
			}
			return verdicts
		})
		assertNoError(n.t, err)
		again = looked == 100
	}
	for again := true; again; {
		routed, err := s.SystemRoute(ctx, n.now, 100, func(cases []crontopus.Case) (decisions []crontopus.Decision) {
			for i := range cases {
				d := alert.Decide(&cases[i])
				for _, m := range d.Notify {
					words := d.Incident.Cause.Sentence
					if m.What == crontopus.NotifyResolved {
						words = d.Incident.ResolvedWhy
					}
					tell(string(m.What) + ": " + words)
				}
				decisions = append(decisions, d)
			}
			return decisions
		})
		assertNoError(n.t, err)
		again = routed == 100
	}
}

// assertNoError is for goroutines, which may not end the test.
func assertNoError(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// decided counts, over all incidents there ever were, what was decided to be told.
func (n *night) decided() map[string]int {
	count := map[string]int{}
	incidents, _, err := n.s.Incidents(n.t.Context(), crontopus.DefaultTenant, crontopus.IncidentFilter{}, crontopus.Page{Limit: 100})
	require.NoError(n.t, err)
	for i := range incidents {
		count["incident "+string(incidents[i].Kind)]++
		told, err := n.s.Notifications(n.t.Context(), crontopus.DefaultTenant, incidents[i].ID)
		require.NoError(n.t, err)
		for _, m := range told {
			count[string(m.What)]++
		}
	}
	return count
}

// A page that pages nobody twice: the host is cut off at two with 40 jobs, comes back at three, its
// spool drains, and two of them have really failed.
func TestABadNightIsToldOnce(t *testing.T) {
	for name, o := range map[string]store.Options{
		"SQLite": {Path: filepath.Join(t.TempDir(), "crontopus.db")}, "PostgreSQL": {URL: pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t, o)
			two := time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC)
			n.until(two, true)
			require.Empty(t, n.told)
			n.until(two.Add(time.Hour), false)
			require.Equal(t, []string{"opened: db-01 has been offline since 01:59 UTC"}, n.told)

			n.ran(two, true)
			require.NoError(t, n.s.SaveReport(t.Context(), crontopus.DefaultTenant, n.agent.ID, crontopus.AgentReport{At: n.now, ReceivedAt: n.now,
				Applied: crontopus.Generation{Epoch: 1, Number: 1}, Host: &crontopus.HostHealth{StartedAt: two.AddDate(0, 0, -1)}}))
			n.until(two.Add(64*time.Minute), true)
			require.Len(t, n.told, 4)
			told := slices.Sorted(slices.Values(n.told[1:]))
			require.Equal(t, "opened: job-07 on db-01 failed at 02:12 UTC: it ended with exit code 3", told[0])
			require.Equal(t, "opened: job-21 on db-01 failed at 02:26 UTC: it ended with exit code 3", told[1])
			require.Contains(t, told[2], "resolved: db-01 could not reach the server")

			for i, job := range n.jobs {
				due := two.Add(time.Hour + time.Duration(i+5)*time.Minute)
				n.until(due.Add(10*time.Second), true)
				n.checkIn(job, due, false)
			}
			n.until(two.Add(2*time.Hour), true)
			require.Len(t, n.told, 6, "%v", n.told)
			require.Equal(t, []string{"resolved: job-07 on db-01 succeeded at 03:12 UTC", "resolved: job-21 on db-01 succeeded at 03:26 UTC"}, n.told[4:])
		})
	}
}

// Three servers look at the same time, on one database: nothing is decided twice.
func TestSeveralServersDecideNothingTwice(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	n := newNight(t, store.Options{URL: url})
	for range 2 {
		box, err := store.NewBox("test", [32]byte{1})
		require.NoError(t, err)
		other, err := store.Open(t.Context(), store.Options{URL: url, Box: box, Now: func() time.Time { return n.now }, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, other.Close()) })
		n.others = append(n.others, other)
	}
	two := time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC)
	n.until(two, true)
	n.until(two.Add(time.Hour), false)
	n.ran(two, true)
	n.until(two.Add(64*time.Minute), true)
	require.Equal(t, map[string]int{"incident agentOffline": 1, "incident failed": 2, "opened": 3, "resolved": 1}, n.decided())
}
