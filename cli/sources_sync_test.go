package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/cli"
)

// syncing is a server on which a sync that was asked for ends after a few looks.
type syncing struct {
	looks   int // how many looks it takes
	outcome crontopus.Sync
	mu      sync.Mutex // guards what follows
	asked   bool
	looked  int
}

func (s *syncing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		s.asked = true
		switch w.Header().Set("Content-Type", "application/json"); path.Base(r.URL.Path) {
		case "rollback":
			_ = json.NewEncoder(w).Encode(wire.Pin{Revision: "main@sha1:4f2a91c"})
		case "credentials":
			_ = json.NewEncoder(w).Encode(wire.SourceCredentialsChanged{WebhookURL: "https://cron.example.com/hooks/forgejo/s1", WebhookSecret: "ctw_new"})
		default:
			w.WriteHeader(http.StatusAccepted)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if path.Base(r.URL.Path) != "syncs" {
		_ = json.NewEncoder(w).Encode(crontopus.Source{Name: "ops"})
		return
	}
	syncs := wire.List[crontopus.Sync]{Items: []crontopus.Sync{}}
	finished := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	syncs.Items = append(syncs.Items, crontopus.Sync{ID: "before", Started: finished, Finished: &finished, Reason: crontopus.ReasonSynced})
	if s.asked {
		s.looked++
		if s.looked >= s.looks {
			s.outcome.ID, s.outcome.Started, s.outcome.Finished = "after", finished, &finished
			syncs.Items = []crontopus.Sync{s.outcome, syncs.Items[0]}
		}
	}
	_ = json.NewEncoder(w).Encode(syncs)
}

func TestSourcesSyncWaitsForTheSyncThatWasAskedFor(t *testing.T) {
	t.Parallel()
	held := &crontopus.Plan{Source: "s1", Removed: []string{"default/a@db-01"}}
	for _, c := range []struct {
		name     string
		outcome  crontopus.Sync
		exitCode int
		says     []string
	}{
		{"in force", crontopus.Sync{Reason: crontopus.ReasonSynced, Message: "3 jobs"}, 0, []string{"Synced: 3 jobs"}},
		{"refused", crontopus.Sync{
			Reason: crontopus.ReasonValidationFailed, Message: "1 problem",
			Problems: []crontopus.Problem{{File: "a.yaml", Line: 3, Column: 7, Message: "unknown field"}},
		}, 1, []string{"ValidationFailed: 1 problem", "a.yaml:3:7: unknown field"}},
		{"held", crontopus.Sync{Reason: crontopus.ReasonRemovalBlocked, Message: "held", Plan: held}, 1, []string{
			"default/a@db-01", "crontopus sources approve ops --plan " + held.Digest(),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&syncing{looks: 2, outcome: c.outcome})
			defer server.Close()
			code, stdout, stderr := run(t, "sources", "sync", "ops", "--wait", "--server", server.URL, "--api-key", "ctk_x")
			require.Equal(t, c.exitCode, code, stderr)
			for _, say := range c.says {
				require.Contains(t, stdout+stderr, say)
			}
		})
	}
}

func TestWhatMakesASourceSyncWaitsForItAsWell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does string
		args []string
	}{
		{"Pinning ops to 4f2a91c …", []string{"pin", "ops", "4f2a91c"}},
		{"Unpinned ops, syncing its branch's head …", []string{"unpin", "ops"}},
		{"Going back to main@sha1:4f2a91c …", []string{"rollback", "ops"}},
		{"Changed the credentials of ops …", []string{"credentials", "ops", "--new-webhook-secret"}},
	} {
		for reason, exitCode := range map[string]int{crontopus.ReasonSynced: 0, crontopus.ReasonAuthenticationFailed: 1} {
			server := httptest.NewServer(&syncing{looks: 2, outcome: crontopus.Sync{Reason: reason, Message: "3 jobs"}})
			args := append([]string{"sources"}, c.args...)
			code, stdout, stderr := run(t, append(args, "--wait", "--server", server.URL, "--api-key", "ctk_x")...)
			server.Close()
			require.Equal(t, exitCode, code, stderr)
			require.Contains(t, stderr, c.does)
			require.Contains(t, stdout, reason+": 3 jobs")
			require.Equal(t, c.args[0] == "credentials", strings.Contains(stdout, "ctw_new"))
		}
	}
}

func TestChangedCredentialsAndTheirSyncAreOneDocument(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&syncing{looks: 1, outcome: crontopus.Sync{Reason: crontopus.ReasonSynced}})
	defer server.Close()
	code, stdout, stderr := run(t, "sources", "credentials", "ops", "--new-webhook-secret", "--wait", "-o", "json", "--server", server.URL, "--api-key", "ctk_x")
	require.Zero(t, code, stderr)
	var got struct {
		wire.SourceCredentialsChanged
		Sync crontopus.Sync
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got), stdout)
	require.Equal(t, "ctw_new", got.WebhookSecret)
	require.Equal(t, "after", got.Sync.ID)
}

func TestSourcesSyncGivesUpWaitingAndSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&syncing{looks: 1_000_000})
	defer server.Close()
	code, _, stderr := run(t, "sources", "sync", "ops", "--wait", "--timeout", "50ms", "--server", server.URL, "--api-key", "ctk_x")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "the sync of ops did not end within 50ms")
	require.Contains(t, stderr, "crontopus sources get ops tells the outcome")
}

func TestSourcesSyncWithoutWaitOnlyAsks(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&syncing{looks: 1_000_000})
	defer server.Close()
	code, stdout, stderr := run(t, "sources", "sync", "ops", "--server", server.URL, "--api-key", "ctk_x")
	require.Zero(t, code, stderr)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "Syncing ops")
}

func TestInterruptedCommandsSaySoAndFail(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&syncing{looks: 1_000_000})
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	code := cli.Main(ctx, []string{"jobs", "list", "--server", server.URL, "--api-key", "ctk_x"}, strings.NewReader(""), &bytes.Buffer{}, &stderr)
	require.Equal(t, 2, code)
	require.Equal(t, "crontopus: interrupted\n", stderr.String())
}

// run runs one command line with nothing on standard input.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	code = cli.Main(t.Context(), args, strings.NewReader(""), &out, &talk)
	return code, out.String(), talk.String()
}
