package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// injected is one thing that goes wrong with a job on a real host.
type injected struct {
	job  string
	run  string // its run section, in one line
	harm func(t *testing.T, h *harmedHost)
	kind crontopus.AlertKind
	code string
	says []string // in the incident's sentence
}

// harmedHost is a host that is about to run a job.
type harmedHost struct {
	*agent.Runner
	rules agent.Rules
	job   crontopus.JobName
	done  bool // the harm was a run
}

// exec runs the job as its scheduler would, at the time.
func (h *harmedHost) exec(at time.Time) {
	r := *h.Runner
	r.Now = func() time.Time { return at }
	_, _ = r.Exec(context.Background(), h.job, false) // what it returns is for the scheduler
}

var causes = []injected{
	{job: "exit-code", run: `{command: [/bin/sh, -c, "echo no such table: orders; exit 3"]}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseExitCode, says: []string{"exit code 3"}},
	{job: "timeout", run: `{command: [/bin/sleep, "600"], timeout: 1s}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseTimeout, says: []string{"timeout of 1s"}},
	{job: "signal", run: `{script: "kill -TERM $$"}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseSignal, says: []string{"signal", "terminated"}},
	{job: "out-of-memory", run: `{script: "kill -KILL $$"}`,
		harm: func(_ *testing.T, h *harmedHost) {
			kills := int64(0) // nobody's memory is taken here; the count grows as the kernel's would
			h.OOMKills = func() int64 { kills++; return kills }
		},
		kind: crontopus.AlertFailed, code: crontopus.CauseOutOfMemory, says: []string{"the kernel", "memory"}},
	{job: "out-of-memory-again", run: `{script: "test -e $HOME/tried && kill -KILL $$; touch $HOME/tried; exit 3", retries: {limit: 1, backoff: 1s}, environment: {HOME: "FOLDER"}}`,
		harm: func(_ *testing.T, h *harmedHost) {
			kills := int64(0)
			h.OOMKills = func() int64 { kills++; return kills }
		},
		kind: crontopus.AlertFailed, code: crontopus.CauseOutOfMemory, says: []string{"the kernel", "memory", "(the last of 2 attempts)"}},
	{job: "no-folder", run: `{command: [/bin/true], workingDirectory: /nowhere/at/all}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseFolderMissing, says: []string{"/nowhere/at/all", "no such file"}},
	{job: "no-secret", run: `{command: [/bin/true], secrets: {TOKEN: "file:/nowhere/token"}}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseSecretMissing, says: []string{"TOKEN", "/nowhere/token"}},
	{job: "one-secret", run: `{command: [/bin/true], secrets: {TOKEN: "file:FOLDER/token"}}`, // which another host has
		kind: crontopus.AlertFailed, code: crontopus.CauseSecretMissing, says: []string{"TOKEN", "/token", "no such file"}},
	{job: "no-command", run: `{command: [/nowhere/program]}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseCommandMissing, says: []string{"/nowhere/program"}},
	{job: "disk-full", run: `{script: "echo write error: No space left on device; exit 1"}`,
		kind: crontopus.AlertFailed, code: crontopus.CauseDiskFull, says: []string{"disk is full", "exit code 1"}},
	{job: "no-user", run: `{command: [/bin/true], user: nobody-of-that-name}`,
		kind: crontopus.AlertMissed, code: crontopus.CauseUserMissing, says: []string{"no user", "nobody-of-that-name"}},
	{job: "denied", run: `{script: "true"}`,
		harm: func(_ *testing.T, h *harmedHost) { no := false; h.rules.AllowScripts = &no },
		kind: crontopus.AlertMissed, code: crontopus.CausePolicyDenied, says: []string{"allowScripts"}},
	{job: "paused", run: `{command: [/bin/true]}`,
		harm: func(t *testing.T, h *harmedHost) { require.NoError(t, h.State.Pause()) },
		kind: crontopus.AlertMissed, code: crontopus.CauseAgentPaused, says: []string{"crontopus-agent pause"}},
	{job: "still-running", run: `{command: [/bin/sleep, "600"]}`, harm: stillRunning,
		kind: crontopus.AlertMissed, code: crontopus.CauseStillRunning, says: []string{"still goes on", "it began at", "run "}},
	{job: "agent-stopped", run: `{command: [/bin/sleep, "600"]}`, harm: stoppedAtWork,
		kind: crontopus.AlertFailed, code: crontopus.CauseAgentStopped, says: []string{"together with the agent"}},
}

// begin starts a run of the minute before, which goes on until stop is called.
func begin(t *testing.T, h *harmedHost) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r := *h.Runner
	r.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	var ended sync.WaitGroup
	ended.Go(func() { _, _ = r.Exec(ctx, h.job, false) })
	place := filepath.Join(h.State.LocksDir(), h.job.Namespace+"."+h.job.Name)
	until(t, "the run before has its place", func() bool {
		note, err := os.ReadFile(place)
		return err == nil && strings.Contains(string(note), "since")
	})
	return func() { cancel(); ended.Wait() }
}

func stillRunning(t *testing.T, h *harmedHost) { t.Cleanup(begin(t, h)) }

func stoppedAtWork(t *testing.T, h *harmedHost) {
	begin(t, h)()
	h.done = true
}

const causesAlerting = `apiVersion: crontopus.dev/v1
kind: AlertPolicy
metadata: {name: all}
spec:
  match: {labels: {told: "yes"}}
  notify: [{channel: hook}]
---
apiVersion: crontopus.dev/v1
kind: NotificationChannel
metadata: {name: hook}
spec:
  type: webhook
  webhook: {url: "URL", secrets: ["secret:hook"]}
`

// Each cause goes through the real agent, the real server and a webhook; what is told must name it.
func TestEachCauseIsNamedWithItsEvidence(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(t.TempDir(), "data"), func(o *app.Options) { o.AllowNetworks = []string{"127.0.0.0/8"} })
	p := newPeer(t)
	require.NoError(t, server.SetSecret(t.Context(), wire.SecretInput{Name: "hook", Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))
	folder := t.TempDir()
	files := map[string]string{"alerting.yaml": strings.ReplaceAll(causesAlerting, "URL", p.URL)}
	for _, c := range causes {
		files[c.job+".yaml"] = fmt.Sprintf(`apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: %s, labels: {told: "yes"}}
spec:
  schedule: "* * * * *"
  target: {all: true}
  run: %s
`, c.job, strings.ReplaceAll(c.run, "FOLDER", folder))
	}
	repo := gittest.NewRepo(t)
	repo.Commit(t, "what goes wrong", files)
	enrolled, other := server.enrolls(t, "db-01"), server.enrolls(t, "web-01")
	_, err := server.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	raw, token := bundleOf(t, enrolled, len(causes)), filepath.Join(folder, "token")
	require.NoError(t, os.WriteFile(token, []byte("s3cret"), 0o600))
	newHarmedHost(t, other, bundleOf(t, other, len(causes)), "one-secret").exec(time.Now().Add(-time.Minute))
	require.NoError(t, os.Remove(token))
	var hosts sync.WaitGroup
	for _, c := range causes {
		h := newHarmedHost(t, enrolled, raw, c.job)
		if c.harm != nil {
			c.harm(t, h)
		}
		if !h.done {
			hosts.Go(func() { h.exec(time.Now()) })
		}
	}
	hosts.Wait()
	for _, c := range causes {
		t.Run(c.job, func(t *testing.T) {
			var in crontopus.Incident
			until(t, "somebody is told of "+c.job, func() bool {
				for _, m := range p.heard() {
					if m.Data.Incident.Subject.Job.Name == c.job {
						in = m.Data.Incident
						return true
					}
				}
				return false
			})
			require.Equal(t, c.code, in.Cause.Code, in.Cause.Sentence)
			require.Equal(t, c.kind, in.Kind)
			for _, words := range append(c.says, c.job+" on db-01") {
				require.Contains(t, in.Cause.Sentence, words)
			}
			require.NotEmpty(t, in.Cause.Evidence)
			if c.job == "one-secret" {
				require.True(t, slices.ContainsFunc(in.Cause.Evidence, func(e crontopus.Evidence) bool {
					return e.What == "on web-01" && e.Says == "succeeded"
				}), "that another host has it is evidence")
			}
		})
	}
}

// bundleOf is a host's, once it has all jobs.
func bundleOf(t *testing.T, enrolled enrolledHost, jobs int) (raw []byte) {
	t.Helper()
	until(t, "the host has its bundle", func() (whole bool) {
		var err error
		raw, _, _, err = enrolled.Bundle(t.Context(), "", 0, time.Time{})
		taker := &fleetAgent{digests: map[crontopus.Generation]string{}}
		if err == nil && len(raw) > 0 {
			taker.took(raw)
		}
		return len(taker.newest.Jobs) == jobs
	})
	return raw
}

// newHarmedHost accepts the bundle as the agent does, in a folder of its own for each job.
func newHarmedHost(t *testing.T, enrolled enrolledHost, raw []byte, job string) *harmedHost {
	t.Helper()
	state := agent.State{Dir: t.TempDir()}
	require.NoError(t, state.Create())
	id := &agent.Identity{Server: "http://127.0.0.1:1", Enrolled: enrolled.Enrolled}
	data, err := json.Marshal(id)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(state.IdentityFile(), data, 0o600))
	me, err := user.Current()
	require.NoError(t, err)
	h := &harmedHost{rules: agent.Rules{Users: []string{me.Username, "nobody-of-that-name"}, SecretPaths: []string{"/"}}, job: crontopus.JobName{Namespace: "default", Name: job}}
	policy := func() (*agent.Policy, error) { return agent.NewPolicy(h.rules, syscall.Geteuid()), nil }
	allowed, err := policy()
	require.NoError(t, err)
	_, refusal, err := (&agent.Gate{State: state}).Accept(id, allowed, raw, time.Now())
	require.NoError(t, err)
	require.Nil(t, refusal)
	spool := agent.NewSpool(state.SpoolDir())
	h.Runner = &agent.Runner{
		State: state, AgentID: enrolled.AgentID, Spool: spool, Policy: policy, KillAfter: time.Second, Log: slog.New(slog.DiscardHandler),
		Deliver:  func(ctx context.Context) { _ = spool.Deliver(ctx, enrolled.CheckIns) },
		OOMKills: func() int64 { return 0 },
	}
	return h
}
