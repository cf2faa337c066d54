package syncer_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

// goodStart is a house whose first sync went well.
func goodStart(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := newHouse(t, change...)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	return h
}

func TestWhatCannotBeFetchedKeepsTheJobs(t *testing.T) {
	for name, c := range map[string]struct {
		harm    func(*testing.T, *house)
		heal    func(*testing.T, *house)
		message string
	}{
		"repository gone": {
			harm:    func(t *testing.T, h *house) { require.NoError(t, os.Rename(h.repo.Dir, h.repo.Dir+".away")) },
			heal:    func(t *testing.T, h *house) { require.NoError(t, os.Rename(h.repo.Dir+".away", h.repo.Dir)) },
			message: "there is no repository at",
		},
		"branch gone": {
			harm:    func(t *testing.T, h *house) { h.repo.Git(t, "branch", "--move", gittest.Branch, "other") },
			heal:    func(t *testing.T, h *house) { h.repo.Git(t, "branch", "--move", "other", gittest.Branch) },
			message: "no branch main",
		},
		"404": {
			harm:    func(_ *testing.T, h *house) { h.server.Fault(gittest.Status(http.StatusNotFound)) },
			message: "there is no repository at",
		},
		"500": {
			harm:    func(_ *testing.T, h *house) { h.server.Fault(gittest.Status(http.StatusInternalServerError)) },
			message: "answered with status 500",
		},
		"503 with a page that never ends": {
			harm: func(_ *testing.T, h *house) {
				h.server.Fault(func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.WriteHeader(http.StatusServiceUnavailable)
						for r.Context().Err() == nil {
							if _, err := w.Write(make([]byte, 64<<10)); err != nil {
								return
							}
						}
					})
				})
			},
			message: "answered with status 503",
		},
		"not Git": {
			harm:    func(_ *testing.T, h *house) { h.server.Fault(gittest.Garbage) },
			message: "cannot fetch",
		},
		"hangs": {
			harm:    func(_ *testing.T, h *house) { h.server.Fault(gittest.Hang) },
			message: "did not answer within",
		},
		"hangs in the middle": {
			harm: func(t *testing.T, h *house) {
				h.repo.Commit(t, "news", map[string]string{"b.yaml": manifest("b", "one")})
				h.server.Fault(func(git http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
							gittest.Hang(nil).ServeHTTP(w, r)
							return
						}
						git.ServeHTTP(w, r)
					})
				})
			},
			message: "did not answer within",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := goodStart(t, func(h *house) {
				if strings.HasPrefix(name, "hangs") {
					h.opts.FetchTimeout = 5 * time.Second
				}
			})
			c.harm(t, h)
			first := h.sync(t, sourceID)
			require.Contains(t, requireState(t, "false FetchFailed", first), c.message)
			stalled, _ := stateOf(first, crontopus.ConditionStalled)
			require.Equal(t, "false FetchFailed", stalled)
			require.Equal(t, map[string]string{"test/a": "a.yaml:4"}, h.jobs(sourceID))
			require.Equal(t, 1, first.Failures)

			second := h.sync(t, sourceID)
			require.Equal(t, 2, second.Failures)
			require.Greater(t, second.NextAttemptAt.Sub(*second.LastSyncAt), first.NextAttemptAt.Sub(*first.LastSyncAt), "the next attempt backs off")

			h.server.Fault(nil)
			if c.heal != nil {
				c.heal(t, h)
			}
			healed := h.sync(t, sourceID)
			requireState(t, "true Synced", healed)
			require.Zero(t, healed.Failures)
		})
	}
}

func TestAnEmptyRepositoryWaitsForItsFirstCommit(t *testing.T) {
	h := newHouse(t)
	require.Contains(t, requireState(t, "false FetchFailed", h.sync(t, sourceID)), "no commit yet")
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
}

func TestCredentialsThatNobodyCanOpenEndTheSync(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))

	h.sealed = crontopus.Errorf(crontopus.CodeInternal, "%w", crontopus.ErrDoesNotOpen)
	lost := h.sync(t, sourceID)
	told := requireState(t, "false AuthenticationFailed", lost)
	require.Contains(t, told, "another keys/box.key")
	require.Contains(t, told, "enter all of them anew: crontopus sources credentials name-of-src-1")
	require.Nil(t, lost.NextAttemptAt, "a person must act")
	require.Equal(t, 1, lost.Jobs, "what was in force stays")

	h.sealed = nil
	requireState(t, "true Synced", h.sync(t, sourceID))
}

func TestCredentials(t *testing.T) {
	logs := &recorder{}
	h := newHouse(t, func(h *house) { h.opts.Log = slog.New(logs) })
	h.server.RequireAuth("bot", "pa55word-token")
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})

	none := h.sync(t, sourceID)
	told := requireState(t, "false AuthenticationFailed", none)
	require.Contains(t, told, "asks for credentials")
	require.Contains(t, told, "crontopus sources credentials name-of-src-1 --username NAME --password-file F")
	stalled, _ := stateOf(none, crontopus.ConditionStalled)
	require.Equal(t, "true AuthenticationFailed", stalled)
	require.Nil(t, none.NextAttemptAt, "a person must act")

	h.secrets[sourceID] = crontopus.SourceSecrets{Username: "bot", Password: "wrong-pa55word"}
	wrong := h.sync(t, sourceID)
	told = requireState(t, "false AuthenticationFailed", wrong)
	require.Contains(t, told, "does not accept")
	require.Contains(t, told, "give it another: crontopus sources credentials name-of-src-1 --password-file F")

	h.secrets[sourceID] = crontopus.SourceSecrets{Username: "bot", Password: "pa55word-token"}
	requireState(t, "true Synced", h.sync(t, sourceID))

	h.server.Fault(gittest.Status(http.StatusBadGateway))
	h.sync(t, sourceID)
	require.NotContains(t, logs.text(), "pa55word")
	require.NotContains(t, fmt.Sprint(h.syncs, h.status(sourceID)), "pa55word")
	require.NoError(t, filepath.Walk(h.mirror(), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(content), "pa55word", path)
		}
		return err
	}))
}

func TestARedirectToAnotherHostIsRefused(t *testing.T) {
	var stolen http.Header
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen = r.Header }))
	t.Cleanup(thief.Close)
	h := goodStart(t)
	h.secrets[sourceID] = crontopus.SourceSecrets{Username: "bot", Password: "s3cret"}
	h.server.Fault(gittest.Redirect(strings.Replace(thief.URL, "127.0.0.1", "localhost", 1)))

	status := h.sync(t, sourceID)
	require.Contains(t, requireState(t, "false FetchFailed", status), "redirects to another host")
	require.Nil(t, stolen)
	require.Nil(t, status.NextAttemptAt)
}

func TestAddressesOutsideTheAllowedNetworks(t *testing.T) {
	for name, c := range map[string]struct{ url, message string }{
		"plain http to the public": {"http://192.88.99.1/x.git", "--allow-network 192.88.99.1/32"},
		"metadata":                 {"https://169.254.169.254/x.git", "--allow-network 169.254.169.254/32"},
		"a name for loopback":      {"https://localhost:1/x.git", "cannot fetch"},
		"a file":                   {"file:///etc", "--allow-file-sources"},
		"ssh":                      {"ssh://git@169.254.169.254/x.git", "--allow-network 169.254.169.254/32"},
		"ext":                      {"ext::sh -c id", "URL"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(h *house) { h.addSource(sourceID, c.url, "") })
			require.Contains(t, requireState(t, "false FetchFailed", h.sync(t, sourceID)), c.message)
		})
	}
}

func TestAChildThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		message string
	}{
		"does not exist":     {[]string{"/nonexistent/crontopus"}, "cannot start"},
		"ends at once":       {[]string{"/bin/false"}, "ended by itself"},
		"talks nonsense":     {[]string{"/bin/sh", "-c", "echo hello; exec cat"}, "ended by itself"},
		"echoes the request": {[]string{"/bin/cat"}, "ended by itself"},
		"sleeps":             {[]string{"/bin/sh", "-c", "sleep 600 & wait"}, "did not answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(h *house) {
				h.opts.FetchCommand, h.opts.FetchTimeout = c.command, time.Second
			})
			h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
			require.Contains(t, requireState(t, "false FetchFailed", h.sync(t, sourceID)), c.message)
		})
	}
}

func TestTheChildsEnvironmentHoldsNoSecrets(t *testing.T) {
	t.Setenv("CRONTOPUS_API_KEY", "ctk_secret")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	dump := filepath.Join(t.TempDir(), "env")
	h := newHouse(t, func(h *house) { h.opts.FetchCommand = []string{"/bin/sh", "-c", "env > " + dump} })
	h.sync(t, sourceID)
	environment, err := os.ReadFile(dump)
	require.NoError(t, err)
	require.Contains(t, string(environment), "PATH=")
	require.NotContains(t, string(environment), "ctk_secret")
	require.NotContains(t, string(environment), "PROXY")
}

func TestFileSources(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.opts.AllowFileSources = true
		h.addSource(sourceID, h.repo.URL(), "")
	})
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	h.repo.Commit(t, "second", map[string]string{"a.yaml": manifest("a", "two")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, []string{"/bin/echo", "two"}, h.job(t, sourceID, "test/a").Job.Spec.Run.Command)

	require.NoError(t, os.RemoveAll(h.repo.Dir))
	requireState(t, "false FetchFailed", h.sync(t, sourceID))
}
