package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

// What an agent of another version once said is answered by this server as it was then, or
// with more.
func TestAgentsOfOtherVersionsAreAnswered(t *testing.T) {
	for _, dir := range versions(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s, all := readExchanges(t, dir)
			fresh, known := newStage(t, s), newStage(t, s)
			known.admit(t, all)
			for _, step := range steps {
				said := of(all, step.name)
				require.NotEmpty(t, said, "%s is not recorded", step.name)
				server := known
				if step.name == "enroll" {
					server = fresh // the other one knows the agent by the id that it was given then
				} else if step.arrange != nil {
					step.arrange(t, known)
				}
				for _, e := range said {
					answers(t, server.api, e)
				}
			}
		})
	}
}

// admit makes the agent that the recorded enrolment made.
func (s *stage) admit(t *testing.T, all []exchange) {
	t.Helper()
	said := of(all, "enroll")
	var asked wire.Enroll
	require.NoError(t, json.Unmarshal([]byte(said[len(said)-1].Request.Body), &asked))
	_, err := s.SystemEnroll(t.Context(), token.Hash(s.Token), crontopus.Agent{ID: s.AgentID, PublicKey: asked.PublicKey, Facts: asked.Facts}, s.Now)
	require.NoError(t, err)
}

// answers says again what was said, and compares the answers.
func answers(t *testing.T, server http.Handler, e exchange) {
	t.Helper()
	req := httptest.NewRequest(e.Request.Method, e.Request.Path, strings.NewReader(e.Request.Body))
	for name, value := range e.Request.Header {
		req.Header.Set(name, value)
	}
	got := httptest.NewRecorder()
	server.ServeHTTP(got, req)
	require.Equal(t, e.Answer.Status, got.Code, "%s: %s", e.Step, got.Body)
	for name, value := range e.Answer.Header {
		if name != http.CanonicalHeaderKey(wire.HeaderVersion) {
			require.Equal(t, value, got.Header().Get(name), "%s: %s", e.Step, name)
		}
	}
	if strings.Contains(e.Answer.Header["Content-Type"], "json") {
		var was, is any
		require.NoError(t, json.Unmarshal([]byte(e.Answer.Body), &was))
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &is))
		includes(t, was, is, e.Step)
		return
	}
	require.Equal(t, e.Answer.Body, got.Body.String(), e.Step)
}

// A server of another version, as it once answered, is understood by this agent.
func TestServersOfOtherVersionsAreUnderstood(t *testing.T) {
	for _, dir := range versions(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s, all := readExchanges(t, dir)
			var old recordedServer
			server := httptest.NewServer(&old)
			defer server.Close()
			g := &guest{setting: s, url: server.URL, key: exchangeKey(8)}
			for _, step := range steps {
				old.left = of(all, step.name)
				step.ask(t, g)
			}
			require.NotEmpty(t, g.agent.ServerVersion())
		})
	}
}

// A newer agent may say what this server does not know: it is heard all the same.
func TestWhatANewerAgentSaysMoreIsLeftOut(t *testing.T) {
	dirs := versions(t)
	s, all := readExchanges(t, dirs[len(dirs)-1])
	server := newStage(t, s)
	server.admit(t, all)
	arrangePublish(t, server)
	for _, step := range []string{"report", "check-ins"} {
		said := of(all, step)
		e := said[len(said)-1]
		e.Request.Header["User-Agent"] = "crontopus-agent/v99.0.0"
		body := strings.ReplaceAll(e.Request.Body, `"attempt":1`, `"attempt":1,"mood":"good"`)
		e.Request.Body = strings.ReplaceAll(body, `"scheduler":`, `"mood":{"is":"good"},"scheduler":`)
		require.NotEqual(t, said[len(said)-1].Request.Body, e.Request.Body, step)
		answers(t, server.api, e)
	}
}

// What cannot work between two versions is refused with a sentence that names both.
func TestWhatAnOlderServerDoesNotKnowNamesBothVersions(t *testing.T) {
	for situation, answer := range map[string]http.HandlerFunc{
		"no such route": func(w http.ResponseWriter, r *http.Request) { (&recordedServer{}).ServeHTTP(w, r) },
		"a field it refuses": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(wire.Problem{Status: 400, Code: crontopus.CodeInvalid, Detail: "body.mood: unexpected property"})
		},
		"an answer of another form": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"statements": 7}`))
		},
	} {
		t.Run(situation, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(wire.HeaderVersion, "v1.4.0")
				answer(w, r)
			}))
			defer server.Close()
			c, err := client.New(server.URL, client.WithAgent("a", "i", exchangeKey(8)), client.As("crontopus-agent", "v1.5.0"))
			require.NoError(t, err)
			_, err = c.KeyStatements(t.Context())
			require.ErrorContains(t, err, "the server is version v1.4.0, this program v1.5.0")
		})
	}
	c, err := client.New("http://127.0.0.1:1", client.As("crontopus-agent", "v1.5.0"))
	require.NoError(t, err)
	require.Empty(t, c.ServerVersion(), "until one answers")
	_, err = c.Enroll(t.Context(), exchangeKey(8), wire.Enroll{})
	require.NotContains(t, err.Error(), "version")
}
