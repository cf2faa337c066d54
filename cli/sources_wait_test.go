package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// A sync that went on before has read the old credentials, so that its outcome is not the answer.
func TestTheSyncThatWasUnderWayIsNotTheOneThatWasAskedFor(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ended := func(id, reason string, after time.Duration) crontopus.Sync {
		at := began.Add(after)
		return crontopus.Sync{ID: id, Started: at, Finished: &at, Reason: reason, Message: id}
	}
	before := ended("before", crontopus.ReasonSynced, -time.Minute)
	stale := ended("stale", crontopus.ReasonAuthenticationFailed, time.Second)
	fresh := ended("fresh", crontopus.ReasonSynced, 2*time.Second)
	polled := ended("polled", crontopus.ReasonFetchFailed, 3*time.Second)
	for name, c := range map[string]struct {
		underway     bool
		first, later []crontopus.Sync // what is listed before the change and after it, newest first
	}{
		"none":                               {false, []crontopus.Sync{before}, []crontopus.Sync{fresh, before}},
		"none, and none ever":                {false, nil, []crontopus.Sync{fresh}},
		"one":                                {true, []crontopus.Sync{before}, []crontopus.Sync{fresh, stale, before}},
		"the first one":                      {true, nil, []crontopus.Sync{fresh, stale}},
		"one that ended as it was asked":     {true, []crontopus.Sync{stale, before}, []crontopus.Sync{fresh, stale, before}},
		"one, and a later one ended as well": {true, []crontopus.Sync{before}, []crontopus.Sync{polled, fresh, stale, before}},
		"one that has not ended":             {true, []crontopus.Sync{before}, []crontopus.Sync{{ID: "goes on"}, fresh, stale, before}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				var answer any = wire.List[crontopus.Sync]{Items: c.first}
				select {
				case <-changed:
					answer = wire.List[crontopus.Sync]{Items: c.later}
				default:
				}
				switch {
				case r.Method == http.MethodPost:
					close(changed)
					answer = wire.SourceCredentialsChanged{}
				case path.Base(r.URL.Path) != "syncs":
					answer = crontopus.Source{Name: "ops", Status: crontopus.SourceStatus{Conditions: []crontopus.Condition{
						{Type: crontopus.ConditionReady, Status: true}, {Type: crontopus.ConditionReconciling, Status: c.underway, Since: began},
					}}}
				}
				_ = json.NewEncoder(w).Encode(answer)
			}))
			defer server.Close()
			code, stdout, stderr := run(t, "sources", "credentials", "ops", "--new-webhook-secret", "--wait", "--server", server.URL, "--api-key", "ctk_x")
			require.Zero(t, code, stderr)
			require.Contains(t, stdout, "Synced: fresh")
		})
	}
}
