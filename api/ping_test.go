package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

const (
	pingID  = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
	otherID = "5bf66975-d4c7-4bf5-bcc8-000000000000"
	ridA    = "728b3763-ea80-4113-9fc0-f49b4adbd0ac"
	ridB    = "9f3bd2c8-4b11-4e7a-8d3e-1c2d3e4f5a6b"
)

// pinged is a server on which the job has a ping URL, and its namespace a ping key.
func pinged(t *testing.T) (s *server, key string) {
	s, key = newServer(t), token.New(token.PingKey)
	s.store.pingURLs[pingID] = backup
	s.store.pingKeys[token.Hash(key)] = crontopus.PingKey{ID: "pk-1", Tenant: crontopus.DefaultTenant, Namespace: backup.Namespace}
	return s, key
}

// What Healthchecks' documentation says of requests and answers, with what Crontopus has in the
// place of creating checks.
func TestPingsAreAnsweredAsHealthchecksDoes(t *testing.T) {
	const ok, malformed, unknown = "OK", "invalid url format", "not found"
	for _, test := range []struct {
		name, path string
		status     int
		body       string
		run        crontopus.RunState // "" for none
		exitCode   int                // -1 for none
	}{
		{"success", "/ping/UUID", 200, ok, crontopus.RunSucceeded, -1},
		{"success, with a slash", "/ping/UUID/", 200, ok, crontopus.RunSucceeded, -1},
		{"success, in capitals", "/ping/" + strings.ToUpper(pingID), 200, ok, crontopus.RunSucceeded, -1},
		{"start", "/ping/UUID/start", 200, ok, crontopus.RunRunning, -1},
		{"start, with a slash", "/ping/UUID/start/", 200, ok, crontopus.RunRunning, -1},
		{"fail", "/ping/UUID/fail", 200, ok, crontopus.RunFailed, -1},
		{"log", "/ping/UUID/log", 200, ok, "", -1},
		{"exit status 0", "/ping/UUID/0", 200, ok, crontopus.RunSucceeded, 0},
		{"exit status 1", "/ping/UUID/1", 200, ok, crontopus.RunFailed, 1},
		{"exit status 255", "/ping/UUID/255", 200, ok, crontopus.RunFailed, 255},
		{"exit status with zeros", "/ping/UUID/007", 200, ok, crontopus.RunFailed, 7},
		{"exit status with a slash", "/ping/UUID/3/", 200, ok, crontopus.RunFailed, 3},
		{"exit status 256", "/ping/UUID/256", 400, malformed, "", -1},
		{"exit status -1", "/ping/UUID/-1", 400, malformed, "", -1},
		{"exit status +1", "/ping/UUID/+1", 400, malformed, "", -1},
		{"an endless exit status", "/ping/UUID/" + strings.Repeat("9", 200), 400, malformed, "", -1},
		{"another signal", "/ping/UUID/finish", 400, malformed, "", -1},
		{"a signal in capitals", "/ping/UUID/START", 400, malformed, "", -1},
		{"two signals", "/ping/UUID/start/fail", 400, malformed, "", -1},
		{"two slashes", "/ping/UUID//", 400, malformed, "", -1},
		{"rid", "/ping/UUID?rid=" + ridA, 200, ok, crontopus.RunSucceeded, -1},
		{"start with a rid", "/ping/UUID/start?rid=" + ridA, 200, ok, crontopus.RunRunning, -1},
		{"a rid that is none", "/ping/UUID?rid=run-7", 400, "invalid uuid format", "", -1},
		{"an empty rid", "/ping/UUID?rid=", 400, "invalid uuid format", "", -1},
		{"a rid in braces", "/ping/UUID?rid=%7B" + ridA + "%7D", 400, "invalid uuid format", "", -1},
		{"other parameters", "/ping/UUID?foo=bar&create=1", 200, ok, crontopus.RunSucceeded, -1},
		{"a UUID of nobody", "/ping/" + otherID, 404, unknown, "", -1},
		{"a UUID of nobody, start", "/ping/" + otherID + "/start", 404, unknown, "", -1},
		{"a UUID of nobody, log", "/ping/" + otherID + "/log", 404, unknown, "", -1},
		{"no UUID", "/ping/backup", 400, malformed, "", -1},
		{"a UUID without hyphens", "/ping/" + strings.ReplaceAll(pingID, "-", ""), 400, malformed, "", -1},
		{"nothing", "/ping/", 400, malformed, "", -1},

		{"slug", "/ping/KEY/nightly-backup", 200, ok, crontopus.RunSucceeded, -1},
		{"slug, with a slash", "/ping/KEY/nightly-backup/", 200, ok, crontopus.RunSucceeded, -1},
		{"slug, start", "/ping/KEY/nightly-backup/start", 200, ok, crontopus.RunRunning, -1},
		{"slug, fail", "/ping/KEY/nightly-backup/fail", 200, ok, crontopus.RunFailed, -1},
		{"slug, log", "/ping/KEY/nightly-backup/log", 200, ok, "", -1},
		{"slug of nobody, log", "/ping/KEY/weekly-backup/log", 404, unknown, "", -1},
		{"slug, exit status", "/ping/KEY/nightly-backup/42", 200, ok, crontopus.RunFailed, 42},
		{"slug, exit status 256", "/ping/KEY/nightly-backup/256", 400, malformed, "", -1},
		{"slug, rid", "/ping/KEY/nightly-backup/start?rid=" + ridA, 200, ok, crontopus.RunRunning, -1},
		{"slug, a rid that is none", "/ping/KEY/nightly-backup?rid=1", 400, "invalid uuid format", "", -1},
		{"a slug of nobody", "/ping/KEY/weekly-backup", 404, unknown, "", -1},
		{"a slug of nobody, to be created", "/ping/KEY/weekly-backup?create=1", 404,
			"not found: create=1 makes no job here; write its manifest, with target: {ping: true}, and push it", "", -1},
		{"create=1 where there is one", "/ping/KEY/nightly-backup?create=1", 200, ok, crontopus.RunSucceeded, -1},
		{"create=0", "/ping/KEY/weekly-backup?create=0", 404, unknown, "", -1},
		{"a slug with an underscore", "/ping/KEY/nightly_backup", 404, unknown, "", -1},
		{"a slug in capitals", "/ping/KEY/Nightly-Backup", 400, malformed, "", -1},
		{"a slug with other characters", "/ping/KEY/nightly%20backup", 400, malformed, "", -1},
		{"a slug that goes up", "/ping/KEY/..", 400, malformed, "", -1},
		{"a key of nobody", "/ping/" + token.New(token.PingKey) + "/nightly-backup", 404, unknown, "", -1},
		{"a key of another service", "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backups", 404, unknown, "", -1},
		{"a key without a slug", "/ping/KEY", 400, malformed, "", -1},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			t.Run(test.name+", "+method, func(t *testing.T) {
				s, key := pinged(t)
				r := s.send(method, strings.NewReplacer("UUID", pingID, "KEY", key).Replace(test.path), "")
				require.Equal(t, test.status, r.status, "%s", r.body)
				if method != http.MethodHead {
					require.Equal(t, test.body, string(r.body))
				}
				require.Equal(t, "10000", r.header.Get("Ping-Body-Limit"))
				require.Equal(t, "*", r.header.Get("Access-Control-Allow-Origin"))
				require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
				require.Contains(t, r.header.Get("Cache-Control"), "no-store")
				if test.run == "" {
					require.Empty(t, s.store.runs)
					return
				}
				require.Len(t, s.store.runs, 1)
				for _, run := range s.store.runs {
					require.Equal(t, test.run, run.State)
					require.Equal(t, backup, run.Job)
					require.Empty(t, run.Agent)
					if test.exitCode < 0 {
						require.Nil(t, run.ExitCode)
					} else {
						require.Equal(t, test.exitCode, *run.ExitCode)
					}
				}
			})
		}
	}
}

func TestPingsTakeNoOtherMethod(t *testing.T) {
	s, _ := pinged(t)
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		r := s.send(method, "/ping/"+pingID, "")
		require.Equal(t, http.StatusMethodNotAllowed, r.status, method)
		require.Equal(t, "GET, HEAD, POST, OPTIONS", r.header.Get("Allow"))
	}
	r := s.send(http.MethodOptions, "/ping/"+pingID, "", "Origin: https://example.com", "Access-Control-Request-Method: POST")
	require.Equal(t, http.StatusNoContent, r.status)
	require.Equal(t, "*", r.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, r.header.Get("Access-Control-Allow-Methods"), "POST")
	require.Empty(t, s.store.runs, "asking is not pinging")
}

func TestAPingsBodyIsTheRunsOutput(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for name, test := range map[string]struct{ body, want string }{
		"short":                {"Exit: disk full\n", "Exit: disk full\n"},
		"none":                 {"", ""},
		"at the limit":         {long, long},
		"one byte more":        {long + "x", long},
		"100 times the limit":  {strings.Repeat(long, 100), long},
		"not text":             {"\xff\x00\x1b[2J", "\xff\x00\x1b[2J"},
		"a form of another's":  {"a=b&c=d", "a=b&c=d"},
		"JSON, which is text":  {`{"msg":"done"}`, `{"msg":"done"}`},
		"as long as two reads": {strings.Repeat("é", 4000), strings.Repeat("é", 4000)},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := pinged(t)
			r := s.send(http.MethodPost, "/ping/"+pingID+"/fail", test.body)
			require.Equal(t, http.StatusOK, r.status)
			for _, run := range s.store.runs {
				require.Equal(t, test.want, string(run.Output))
			}
		})
	}
}

func TestStartAndEndWithOneRidAreOneRun(t *testing.T) {
	s, key := pinged(t)
	at := time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	s.now = func() time.Time { return at }
	ping := func(path string, later time.Duration) {
		at = at.Add(later)
		require.Equal(t, 200, s.send(http.MethodGet, path, "").status)
	}
	ping("/ping/"+pingID+"/start?rid="+ridA, 0)
	ping("/ping/"+pingID+"/start?rid="+ridB, time.Second)
	ping("/ping/"+key+"/nightly-backup/3?rid="+strings.ToUpper(ridA), time.Second) // either address is the same job's
	require.Len(t, s.store.runs, 2)
	states := map[crontopus.RunState]time.Duration{}
	for _, run := range s.store.runs {
		states[run.State] = run.Duration.Std()
	}
	require.Equal(t, map[crontopus.RunState]time.Duration{crontopus.RunFailed: 2 * time.Second, crontopus.RunRunning: 0}, states)
	ping("/ping/"+pingID+"?rid="+ridA, time.Second) // of two ends the first stays
	ping("/ping/"+pingID+"/start?rid="+ridA, time.Second)
	require.Len(t, s.store.runs, 2)
}

func TestAPingAddressIsLookedUpOnce(t *testing.T) {
	s, key := pinged(t)
	for range 5 {
		require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+pingID, "").status)
		require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+key+"/nightly-backup", "").status)
	}
	require.Equal(t, 2, s.store.lookups)
}

// Strangers guess as many addresses as they like.
func TestAFloodOfUnknownPingsLeavesTheDatabaseToOthers(t *testing.T) {
	const flood, atOnce = 40, 8
	s, key := pinged(t)
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+key+"/nightly-backup", "").status)
	held, free := make(chan struct{}, flood), make(chan struct{})
	s.store.urlLookup = func(context.Context) { held <- struct{}{}; <-free }
	answers := make(chan int, flood)
	for range flood {
		go func() {
			resp, err := http.Get(s.URL + "/ping/" + uuid.NewString())
			if err != nil {
				answers <- 0
				return
			}
			resp.Body.Close()
			answers <- resp.StatusCode
		}()
	}
	for range atOnce {
		<-held
	}
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+key+"/nightly-backup", "").status, "what is known is not looked up")
	require.Empty(t, held, "more at once")
	close(free)
	for range flood {
		require.Equal(t, 404, <-answers)
	}
}

func TestAnUnknownPingIsNotLookedUpAgainAtOnce(t *testing.T) {
	s, _ := pinged(t)
	clock := time.Now()
	s.now = func() time.Time { return clock }
	stranger := token.New(token.PingKey)
	for range 5 {
		require.Equal(t, 404, s.send(http.MethodGet, "/ping/"+otherID, "").status)
		require.Equal(t, 404, s.send(http.MethodGet, "/ping/"+stranger+"/nightly-backup", "").status)
	}
	require.Equal(t, 2, s.store.lookups)
	clock = clock.Add(time.Second)
	s.store.change(func() { s.store.pingURLs[otherID] = backup })
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+otherID, "").status)
}

// Whose a log without a rid is, is the store's to say.
func TestALogIsKeptWithTheRunThatItNames(t *testing.T) {
	s, key := pinged(t)
	require.Equal(t, 200, s.send(http.MethodPost, "/ping/"+pingID+"/start?rid="+ridA, "").status)
	started := s.store.pings[0].CheckIns[0].RunID
	require.Equal(t, 200, s.send(http.MethodPost, "/ping/"+pingID+"/log?rid="+strings.ToUpper(ridA), "halfway").status)
	require.Equal(t, 200, s.send(http.MethodPost, "/ping/"+key+"/nightly-backup/log", strings.Repeat("x", 10_001)).status)
	require.Equal(t, []string{started + " halfway", " " + strings.Repeat("x", 10_000)}, s.store.logged)
	require.Len(t, s.store.pings, 1, "it is no check-in")
}

func TestARotatedPingURLIsGoneAtOnce(t *testing.T) {
	s, _ := pinged(t)
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+pingID, "").status)
	made, err := s.as(crontopus.RoleOperator).RotatePing(t.Context(), backup)
	require.NoError(t, err)
	require.Regexp(t, `^https://cron\.example\.com/ping/[0-9a-f-]{36}$`, made.URL)
	r := s.send(http.MethodGet, "/ping/"+pingID, "")
	require.Equal(t, 404, r.status)
	require.Equal(t, "not found", string(r.body))
	require.Equal(t, 404, s.send(http.MethodPost, "/ping/"+pingID+"/log", "halfway").status, "nor does it take a word along the way")
	require.Equal(t, 200, s.send(http.MethodGet, strings.TrimPrefix(made.URL, "https://cron.example.com"), "").status)
	require.Equal(t, []string{"key:the operator"}, s.store.actors)
	_, err = s.as(crontopus.RoleOperator).RotatePing(t.Context(), crontopus.JobName{Namespace: "production", Name: "none"})
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
}

func TestAPingURLIsShownToThoseWhoMayEdit(t *testing.T) {
	s, _ := pinged(t)
	for role, want := range map[crontopus.Role]string{
		crontopus.RoleViewer: "", crontopus.RoleOperator: "https://cron.example.com/ping/" + pingID, crontopus.RoleAdmin: "https://cron.example.com/ping/" + pingID,
	} {
		job, err := s.as(role).Job(t.Context(), backup)
		require.NoError(t, err)
		require.Equal(t, want, job.PingURL, role)
	}
	r := s.send(http.MethodGet, "/api/v1/jobs", "", s.bearer(crontopus.RoleAdmin))
	require.NotContains(t, string(r.body), pingID, "a list shows none")
}

func TestAPingKeyIsMadeUsedAndRevoked(t *testing.T) {
	s, _ := pinged(t)
	api := s.as(crontopus.RoleOperator)
	made, err := api.CreatePingKey(t.Context(), wire.PingKeyInput{Namespace: backup.Namespace})
	require.NoError(t, err)
	require.True(t, token.Check(made.Secret, token.PingKey))
	require.Equal(t, "https://cron.example.com/ping/"+made.Secret, made.URL)
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+made.Secret+"/nightly-backup", "").status)
	require.NoError(t, api.RevokePingKey(t.Context(), made.Key.ID))
	require.Equal(t, 404, s.send(http.MethodGet, "/ping/"+made.Secret+"/nightly-backup", "").status)
	list := s.send(http.MethodGet, "/api/v1/ping-keys", "", s.bearer(crontopus.RoleOperator))
	require.Contains(t, string(list.body), made.Key.ID)
	require.NotContains(t, string(list.body), made.Secret)
	_, err = api.CreatePingKey(t.Context(), wire.PingKeyInput{Namespace: "no such name!"})
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
}

func TestOneJobIsNotPingedWithoutEnd(t *testing.T) {
	s, key := pinged(t)
	at := time.Now()
	s.now = func() time.Time { return at }
	ping := func() int { return s.send(http.MethodGet, "/ping/"+pingID, "").status }
	for range 100 {
		require.Equal(t, 200, ping())
	}
	r := s.send(http.MethodGet, "/ping/"+key+"/nightly-backup", "")
	require.Equal(t, 429, r.status, "by either address")
	require.Equal(t, "rate limited", string(r.body))
	require.NotEmpty(t, r.header.Get("Retry-After"))
	at = at.Add(time.Second)
	for range 5 {
		require.Equal(t, 200, ping())
	}
	require.Equal(t, 429, ping())
}

func TestAPingIsNotTakenWhileTheDatabaseIsAway(t *testing.T) {
	s, _ := pinged(t)
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+pingID, "").status)
	s.store.change(func() { s.store.fail = crontopus.Errorf(crontopus.CodeUnavailable, "the database is away") })
	r := s.send(http.MethodGet, "/ping/"+pingID, "")
	require.Equal(t, 503, r.status)
	require.NotEmpty(t, r.header.Get("Retry-After"))
	s.store.change(func() { s.store.fail = fmt.Errorf("dial tcp 10.1.2.3: secret detail") })
	r = s.send(http.MethodGet, "/ping/"+pingID, "")
	require.Equal(t, 500, r.status)
	require.NotContains(t, string(r.body), "secret detail")
}

func TestAPingsAddressIsInNoLog(t *testing.T) {
	s, key := pinged(t)
	s.send(http.MethodGet, "/ping/"+pingID, "")
	s.send(http.MethodGet, "/ping/"+key+"/nightly-backup/start", "")
	s.send(http.MethodGet, "/ping/"+key+"/none/x/y/z", "")
	require.NotContains(t, s.log.String(), pingID)
	require.NotContains(t, s.log.String(), key)
}

func TestOnePingIsOneRunOfItsOwn(t *testing.T) {
	s, _ := pinged(t)
	for range 2 {
		require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+pingID, "").status)
	}
	require.Len(t, s.store.runs, 2)
	for id := range s.store.runs {
		require.Equal(t, uuid.Version(7), uuid.MustParse(id).Version())
	}
}
