package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
)

// handler is an API that knows nobody.
func handler(f *testing.F) *api.API {
	h, err := api.New(api.Options{Store: newFakeStore(), Log: slog.New(slog.DiscardHandler),
		Installation: crontopus.Installation{ID: installationID}, Keys: api.Keys{Set: crontopus.KeySet{Keys: []crontopus.Key{{ID: "k"}}}}})
	require.NoError(f, err)
	return h
}

// Nobody comes in with what nobody gave out, be it an API key or an agent's token.
func FuzzCredential(f *testing.F) {
	f.Add("Bearer ctk_" + strings.Repeat("0", 49))
	f.Add("Bearer " + unsignedToken(`{"alg":"none"}`, time.Unix(0, 0), nil) + ".")
	f.Add("Bearer " + unsignedToken(`{"alg":"EdDSA"}`, time.Unix(0, 0), nil) + ".AA")
	f.Add("Basic YTpi")
	h := handler(f)
	f.Fuzz(func(t *testing.T, credential string) {
		for _, path := range []string{"/api/v1/agent/bundle", "/api/v1/jobs"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header["Authorization"] = []string{credential}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, http.StatusUnauthorized, w.Code, "%q", credential)
		}
	})
}

// Any address is answered, and without a credential none lets a check-in through.
func FuzzCheckInPath(f *testing.F) {
	for _, seed := range []string{"/api/v1/checkins", "/api/v1/jobs/default/hello/checkins", "/api/v1/jobs/%00/%ff/checkins", "//api/../v1", "/ping/x/start"} {
		f.Add(seed)
	}
	h := handler(f)
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI("/" + strings.TrimLeft(path, "/"))
		if err != nil {
			return // net/http refuses it before us
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		r.URL, r.RequestURI = u, u.RequestURI()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.True(t, w.Code >= 300 && w.Code < 500, "%s: %d", path, w.Code)
	})
}

// Whatever follows /ping/ is answered as documented, and what is recorded can be read off it.
func FuzzPingPath(f *testing.F) {
	for _, path := range []string{pingID, pingID + "/start", pingID + "/255/", "fqOOd6-F4MMNuCEnzTU01w/db-backups/fail", "//", "a/b/007", pingID + "/log"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		said, ok := api.ParsePing(path)
		if !ok {
			return
		}
		if strings.HasSuffix(path, "/") {
			again, _ := api.ParsePing(strings.TrimSuffix(path, "/"))
			require.Equal(t, again, said, "a slash changes nothing")
		}
		require.NotEqual(t, said.URL == "", said.Key == "", "one of the two names the job")
		require.Equal(t, said.Key == "", said.Slug == "")
		require.NotEqual(t, said.Log, said.Event.State() != "", "an event, or only words")
		if said.ExitCode != nil {
			require.Equal(t, *said.ExitCode == 0, said.Event == crontopus.EventSuccess)
			require.True(t, *said.ExitCode >= 0 && *said.ExitCode <= 255)
		}
		require.Equal(t, strings.ToLower(said.Slug), said.Slug)
	})
}
