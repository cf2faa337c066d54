package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// The forms of Sentry's documentation, with SERVER/api/v1/cron in the place of its ingest address.
func TestSentrysCheckInsAreTaken(t *testing.T) {
	for name, test := range map[string]struct {
		query  string
		status int
		run    crontopus.RunState
		took   time.Duration
	}{
		"begins":                  {"status=in_progress", 202, crontopus.RunRunning, 0},
		"ended well":              {"status=ok", 202, crontopus.RunSucceeded, 0},
		"failed":                  {"status=error", 202, crontopus.RunFailed, 0},
		"with an id":              {"check_in_id=" + ridA + "&status=in_progress", 202, crontopus.RunRunning, 0},
		"an id without hyphens":   {"check_in_id=" + strings.ReplaceAll(ridA, "-", "") + "&status=ok", 202, crontopus.RunSucceeded, 0},
		"an id of zeros":          {"check_in_id=00000000-0000-0000-0000-000000000000&status=ok", 202, crontopus.RunSucceeded, 0},
		"how long it took":        {"status=ok&duration=1.5", 202, crontopus.RunSucceeded, 1500 * time.Millisecond},
		"an environment":          {"status=error&environment=dev", 202, crontopus.RunFailed, 0},
		"no status":               {"", 400, "", 0},
		"another status":          {"status=unknown", 400, "", 0},
		"an id that is none":      {"status=ok&check_in_id=7", 400, "", 0},
		"a duration that is none": {"status=ok&duration=long", 400, "", 0},
		"a negative duration":     {"status=ok&duration=-1", 400, "", 0},
		"an endless duration":     {"status=ok&duration=1e300", 400, "", 0},
		"a duration of no number": {"status=ok&duration=NaN", 400, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, key := pinged(t)
			slash := []string{"", "/"}[len(name)%2]
			r := s.send(http.MethodGet, "/api/v1/cron/nightly-backup/"+key+slash+"?"+test.query, "")
			require.Equal(t, test.status, r.status, "%s", r.body)
			if test.run == "" {
				require.Empty(t, s.store.runs)
				return
			}
			for _, run := range s.store.runs {
				require.Equal(t, test.run, run.State)
				require.Equal(t, test.took, run.Duration.Std())
			}
			require.Len(t, s.store.runs, 1)
		})
	}
}

// Its documentation has POST, too: by the address alone, or by a body.
func TestSentrysPostsAreTaken(t *testing.T) {
	for name, test := range map[string]struct {
		query, body string
		status      int
		run         crontopus.RunState
		took        time.Duration
	}{
		"by the address":            {"?status=ok&duration=2", "", 202, crontopus.RunSucceeded, 2 * time.Second},
		"by a body":                 {"", `{"status": "error", "duration": 1.5, "environment": "dev"}`, 202, crontopus.RunFailed, 1500 * time.Millisecond},
		"with an id":                {"", `{"status": "in_progress", "check_in_id": "` + ridA + `"}`, 202, crontopus.RunRunning, 0},
		"what is not read":          {"", `{"status": "ok", "monitor_config": {"schedule": {"type": "crontab"}}, "x": 1}`, 202, crontopus.RunSucceeded, 0},
		"the body has the word":     {"?status=ok", `{"status": "error"}`, 202, crontopus.RunFailed, 0},
		"nothing said":              {"", "", 400, "", 0},
		"no status in the body":     {"?status=ok", `{"environment": "dev"}`, 400, "", 0},
		"another status":            {"", `{"status": "missed"}`, 400, "", 0},
		"a negative duration":       {"", `{"status": "ok", "duration": -1}`, 400, "", 0},
		"an id that is none":        {"", `{"status": "ok", "check_in_id": "7"}`, 400, "", 0},
		"no JSON":                   {"", `status=ok`, 400, "", 0},
		"as much as a body may say": {"", `{"status":"ok","x":"` + strings.Repeat("x", 4096-22) + `"}`, 202, crontopus.RunSucceeded, 0},
		"too much":                  {"", `{"status":"ok","x":"` + strings.Repeat("x", 4097-22) + `"}`, 413, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, slash := range []string{"", "/"} {
				s, key := pinged(t)
				r := s.send(http.MethodPost, "/api/v1/cron/nightly-backup/"+key+slash+test.query, test.body)
				require.Equal(t, test.status, r.status, "%s", r.body)
				states := map[crontopus.RunState]time.Duration{}
				for _, run := range s.store.runs {
					states[run.State] = run.Duration.Std()
				}
				if test.run == "" {
					require.Empty(t, states)
					continue
				}
				require.Equal(t, map[crontopus.RunState]time.Duration{test.run: test.took}, states)
			}
		})
	}
	s, key := pinged(t)
	at := "/api/v1/cron/nightly-backup/" + key + "/"
	require.Equal(t, 202, s.send(http.MethodPost, at+"?status=ok", "", "Content-Type: application/x-www-form-urlencoded").status)
	require.Equal(t, 404, s.send(http.MethodPost, "/api/v1/cron/weekly-backup/"+key, `{"status": "ok"}`).status)
}

func TestSentrysIDJoinsStartAndEnd(t *testing.T) {
	s, key := pinged(t)
	at := "/api/v1/cron/nightly-backup/" + key + "?check_in_id="
	require.Equal(t, 202, s.send(http.MethodGet, at+ridA+"&status=in_progress", "").status)
	require.Equal(t, 202, s.send(http.MethodGet, at+strings.ReplaceAll(ridA, "-", "")+"&status=ok", "").status)
	r := s.send(http.MethodPost, strings.TrimSuffix(at, "?check_in_id="), `{"status": "ok", "check_in_id": "`+ridA+`"}`)
	require.JSONEq(t, `{"id": "`+ridA+`"}`, string(r.body), "as to GET")
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+pingID+"/start?rid="+ridA, "").status, "the same underneath")
	require.Len(t, s.store.runs, 1)
	require.Equal(t, 404, s.send(http.MethodGet, "/api/v1/cron/weekly-backup/"+key+"?status=ok", "").status)
	require.Equal(t, 404, s.send(http.MethodGet, "/api/v1/cron/nightly-backup/wrong?status=ok", "").status)
}
