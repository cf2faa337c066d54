package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

func TestJobShowsWhereItRunsAndHowItWent(t *testing.T) {
	s := newServer(t)
	s.now = func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
	started := s.now().Add(-time.Hour)
	s.store.runs["r1"] = crontopus.Run{ID: "r1", Job: backup, Agent: "db-01", State: crontopus.RunRunning, Started: &started}
	job, err := s.as(crontopus.RoleViewer).Job(t.Context(), backup)
	require.NoError(t, err)
	require.Equal(t, "ops", job.Source)
	require.Len(t, job.Next, 5)
	require.True(t, job.Next[0].Equal(time.Date(2026, 5, 2, 2, 30, 0, 0, time.UTC)), job.Next[0])
	require.Equal(t, &wire.LastRun{ID: "r1", Agent: "db-01", State: crontopus.RunRunning, At: started}, job.LastRun)
	require.Equal(t, crontopus.Schedules{"30 2 * * *"}, job.Job.Spec.Schedule)

	var names []string
	for listed, err := range client.All(t.Context(), s.as(crontopus.RoleViewer).Jobs) {
		require.NoError(t, err)
		names = append(names, listed.Job.Name().String())
	}
	require.Equal(t, []string{"production/nightly-backup"}, names)
	held, err := s.as(crontopus.RoleViewer).AgentJobs(t.Context(), "db-01")
	require.NoError(t, err)
	require.Len(t, held.Items, 1)
}

func TestSuspendedJobHasNoNextRun(t *testing.T) {
	s := newServer(t)
	s.store.jobs[0].Job.Spec.Suspend = true
	job, err := s.as(crontopus.RoleViewer).Job(t.Context(), backup)
	require.NoError(t, err)
	require.Empty(t, job.Next)
}

func TestAJobInItsHostsOwnZonesTellsTheNextRunOfEach(t *testing.T) {
	s := newServer(t)
	s.now = func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
	s.store.change(func() {
		s.store.jobs[0].Job.Spec.Timezone = crontopus.TimezoneHost
		s.store.jobAgents = []string{"berlin", "mars", "new", "tokyo", "tokyo-2"}
		s.store.zones = map[string]string{"berlin": "Europe/Berlin", "mars": "../Mars/Olympus", "new": "", "tokyo": "Asia/Tokyo", "tokyo-2": "Asia/Tokyo"}
	})
	job, err := s.as(crontopus.RoleViewer).Job(t.Context(), backup)
	require.NoError(t, err)
	told := []string{}
	for _, h := range job.Hosts {
		line := h.Agent + " " + h.Timezone
		for _, at := range h.Next[:min(2, len(h.Next))] {
			line += " " + at.Format(time.RFC3339)
		}
		told = append(told, line)
	}
	require.Equal(t, []string{
		"berlin Europe/Berlin 2026-05-02T02:30:00+02:00 2026-05-03T02:30:00+02:00",
		"mars ",
		"new ",
		"tokyo Asia/Tokyo 2026-05-02T02:30:00+09:00 2026-05-03T02:30:00+09:00",
		"tokyo-2 Asia/Tokyo 2026-05-02T02:30:00+09:00 2026-05-03T02:30:00+09:00",
	}, told)
	together := []string{}
	for _, at := range job.Next {
		together = append(together, at.UTC().Format("02 15:04"))
	}
	require.Equal(t, []string{"01 17:30", "02 00:30", "02 17:30", "03 00:30", "03 17:30"}, together)

	s.store.change(func() { s.store.zones = nil })
	job, err = s.as(crontopus.RoleViewer).Job(t.Context(), backup)
	require.NoError(t, err)
	require.Empty(t, job.Next)
	require.Len(t, job.Hosts, 5)
	r := s.send(http.MethodGet, "/api/v1/jobs", "", s.bearer(crontopus.RoleViewer))
	require.NotContains(t, string(r.body), "null")
}

func TestAHashedJobTellsItsNextRuns(t *testing.T) {
	s := newServer(t)
	s.store.change(func() { s.store.jobs[0].Job.Spec.Schedule = crontopus.Schedules{"H H * * *"} })
	job, err := s.as(crontopus.RoleViewer).Job(t.Context(), backup)
	require.NoError(t, err)
	require.Len(t, job.Next, 5)
	require.Equal(t, "02:50", job.Next[0].Format("15:04"), "what production/nightly-backup has everywhere")
}

func TestListsAreNeverNull(t *testing.T) {
	s := newServer(t)
	s.store.change(func() { s.store.jobs, s.store.runs = nil, nil })
	for _, path := range []string{"/api/v1/jobs", "/api/v1/runs", "/api/v1/agents", "/api/v1/agents/db-01", "/api/v1/agents/db-01/jobs",
		"/api/v1/sources", "/api/v1/sources/ops", "/api/v1/sources/ops/syncs", "/api/v1/syncs/sync-1", "/api/v1/api-keys"} {
		r := s.send(http.MethodGet, path, "", s.bearer(crontopus.RoleAdmin))
		require.Equal(t, 200, r.status, path)
		require.NotContains(t, string(r.body), "null", path)
	}
}

func TestRunsAreFiltered(t *testing.T) {
	s := newServer(t)
	s.store.runs["r1"] = crontopus.Run{ID: "r1", Job: backup, State: crontopus.RunFailed, Output: []byte("boom")}
	s.store.runs["r2"] = crontopus.Run{ID: "r2", Job: backup, State: crontopus.RunSucceeded}
	c := s.as(crontopus.RoleViewer)
	list, err := c.Runs(t.Context(), crontopus.RunFilter{Job: &backup, State: crontopus.RunFailed, Since: time.Now(), Agent: "db-01"}, crontopus.Page{Limit: 5})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	run, err := c.Run(t.Context(), "r1")
	require.NoError(t, err)
	require.Equal(t, "boom", string(run.Output))
}

func TestSourceFromItsAddingToItsRemoval(t *testing.T) {
	s := newServer(t)
	c := s.as(crontopus.RoleAdmin)
	added, err := c.AddSource(t.Context(), wire.SourceInput{Name: "jobs", URL: "https://git.example.com/ops/jobs.git", Path: "/prod//db/", Password: "hunter2"})
	require.NoError(t, err)
	require.Equal(t, "main", added.Source.Branch)
	require.Equal(t, "prod/db", added.Source.Path)
	require.Equal(t, crontopus.Duration(time.Minute), added.Source.Interval)
	require.Equal(t, "https://cron.example.com/hooks/forgejo/"+added.Source.ID, added.WebhookURL)
	require.Equal(t, crontopus.SourceSecrets{Password: "hunter2", WebhookSecret: added.WebhookSecret}, s.store.secrets[added.Source.ID])
	require.Len(t, added.WebhookSecret, 53)
	require.Equal(t, []string{"key:the admin"}, s.store.actors)
	require.Empty(t, s.store.requests, "it is due as it is; asked for, it would be synced twice where another server was quick")

	got, err := c.Source(t.Context(), "jobs")
	require.NoError(t, err)
	require.Equal(t, added.Source.ID, got.ID)
	s.store.change(func() {
		source := s.store.sources[got.ID]
		source.Status.HeldPlan = "abc"
		s.store.sources[got.ID] = source
	})
	require.NoError(t, c.SyncSource(t.Context(), "jobs"))
	require.NoError(t, c.ApproveSource(t.Context(), "jobs", "abc"))
	limits := crontopus.SourceLimits{Namespaces: []string{"team-*"}, MaxEntries: 5}
	require.NoError(t, c.LimitSource(t.Context(), "jobs", limits))
	require.Equal(t, limits, s.store.sources[got.ID].Limits)
	require.Error(t, c.LimitSource(t.Context(), "jobs", crontopus.SourceLimits{MaxEntries: -1}))
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(s.as(crontopus.RoleOperator).LimitSource(t.Context(), "jobs", crontopus.SourceLimits{})),
		"who may push and sync does not widen")
	require.NoError(t, c.SuspendSource(t.Context(), "jobs"))
	require.True(t, s.store.sources[got.ID].Suspended)
	require.NoError(t, c.ResumeSource(t.Context(), "jobs"))
	require.False(t, s.store.sources[got.ID].Suspended)
	require.NoError(t, c.RemoveSource(t.Context(), "jobs"))
	require.NotNil(t, s.store.sources[got.ID].RemovedAt)
	require.EqualValues(t, 7, s.syncs.Load(), "each wakes the syncer")

	list, err := c.Sources(t.Context(), crontopus.Page{})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	syncs, err := c.Syncs(t.Context(), "ops", crontopus.Page{})
	require.NoError(t, err)
	require.Len(t, syncs.Items, 1)
	sync, err := c.Sync(t.Context(), "sync-1")
	require.NoError(t, err)
	require.Equal(t, crontopus.ReasonSynced, sync.Reason)
}

func TestASourceIsPinnedByItsOperator(t *testing.T) {
	s := newServer(t)
	c := s.as(crontopus.RoleOperator)
	whole := strings.Repeat("0123456789", 4)
	for name, revision := range map[string]string{"whole": whole, "as others show it": "main@sha1:" + whole, "short": whole[:7], "in capitals": "ABCDEF0"} {
		require.NoError(t, c.PinSource(t.Context(), "ops", revision), name)
		require.Equal(t, strings.ToLower(strings.TrimPrefix(revision, "main@sha1:")), s.store.sources["src-1"].Pinned, name)
	}
	for name, revision := range map[string]string{"none": "", "too short": "012345", "a branch": "release", "of another branch": "dev@sha1:" + whole,
		"too long": whole + "0", "a range": "0123456..789", "an option": "--0123456"} {
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(c.PinSource(t.Context(), "ops", revision)), name)
	}
	require.NoError(t, c.UnpinSource(t.Context(), "ops"))
	require.Empty(t, s.store.sources["src-1"].Pinned)
	chosen, err := c.RollbackSource(t.Context(), "ops", whole)
	require.NoError(t, err)
	require.Equal(t, "main@sha1:"+whole, chosen.Revision)
	require.EqualValues(t, 6, s.syncs.Load(), "each wakes the syncer")
	_, err = c.RollbackSource(t.Context(), "ops", "a\nb")
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(c.PinSource(t.Context(), "none", whole)))
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(s.as(crontopus.RoleViewer).PinSource(t.Context(), "ops", whole)))
}

func TestSourcesThatAreRefused(t *testing.T) {
	s := newServer(t)
	for name, change := range map[string]func(*wire.SourceInput){
		"name":                 func(in *wire.SourceInput) { in.Name = "My Jobs" },
		"path out of it":       func(in *wire.SourceInput) { in.Path = "a/../../b" },
		"URL not allowed":      func(in *wire.SourceInput) { in.URL = "http://10.0.0.1/x" },
		"branch as an option":  func(in *wire.SourceInput) { in.Branch = "--upload-pack=x" },
		"branch without parts": func(in *wire.SourceInput) { in.Branch = "x//y" },
		"branch of a reflog":   func(in *wire.SourceInput) { in.Branch = "a@{b" },
		"limit of facts":       func(in *wire.SourceInput) { in.Limits.Labels = map[string]string{"fact/os": "linux"} },
		"branch with a space":  func(in *wire.SourceInput) { in.Branch = "a b" },
		"path with a NUL":      func(in *wire.SourceInput) { in.Path = "a\x00" },
		"polled all the time":  func(in *wire.SourceInput) { in.Interval = 1 },
		"polled once a decade": func(in *wire.SourceInput) { in.Interval = crontopus.Duration(87600 * time.Hour) },
		"an endless password":  func(in *wire.SourceInput) { in.Password = strings.Repeat("x", 3000) },
	} {
		t.Run(name, func(t *testing.T) {
			in := wire.SourceInput{Name: "jobs", URL: "https://git.example.com/jobs"}
			change(&in)
			_, err := s.as(crontopus.RoleAdmin).AddSource(t.Context(), in)
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
		})
	}
	_, err := s.as(crontopus.RoleAdmin).AddSource(t.Context(), wire.SourceInput{Name: "ops", URL: "https://git.example.com/jobs"})
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))
}

func TestAPIKeyIsShownOnceAndWorks(t *testing.T) {
	s := newServer(t)
	made, err := s.as(crontopus.RoleAdmin).CreateAPIKey(t.Context(), wire.KeyInput{Name: "ci", Role: crontopus.RoleOperator})
	require.NoError(t, err)
	ci, err := client.New(s.URL, client.WithAPIKey(made.Secret))
	require.NoError(t, err)
	who, err := ci.Whoami(t.Context())
	require.NoError(t, err)
	require.Equal(t, wire.Whoami{Tenant: crontopus.DefaultTenant, KeyID: made.Key.ID, Name: "ci", Role: crontopus.RoleOperator}, who)
	r := s.send(http.MethodGet, "/api/v1/api-keys", "", s.bearer(crontopus.RoleAdmin))
	require.NotContains(t, string(r.body), made.Secret)
	require.NotContains(t, s.log.String(), made.Secret)
}
