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

func TestSentrysIDJoinsStartAndEnd(t *testing.T) {
	s, key := pinged(t)
	at := "/api/v1/cron/nightly-backup/" + key + "?check_in_id="
	require.Equal(t, 202, s.send(http.MethodGet, at+ridA+"&status=in_progress", "").status)
	require.Equal(t, 202, s.send(http.MethodGet, at+strings.ReplaceAll(ridA, "-", "")+"&status=ok", "").status)
	require.Equal(t, 200, s.send(http.MethodGet, "/ping/"+pingID+"/start?rid="+ridA, "").status, "the same underneath")
	require.Len(t, s.store.runs, 1)
	require.Equal(t, 404, s.send(http.MethodGet, "/api/v1/cron/weekly-backup/"+key+"?status=ok", "").status)
	require.Equal(t, 404, s.send(http.MethodGet, "/api/v1/cron/nightly-backup/wrong?status=ok", "").status)
}
