package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

func TestAnAgentProvesItselfForFiveMinutesAtMost(t *testing.T) {
	var seen *http.Request
	c, pub := asAgent(t, func(_ http.ResponseWriter, r *http.Request) { seen = r })
	require.NoError(t, c.Report(t.Context(), crontopus.AgentReport{}))
	said, err := claims(seen, pub)
	require.NoError(t, err)
	require.Equal(t, "agent-1", said.Iss)
	require.Equal(t, "agent-1", said.Sub)
	require.Equal(t, "inst", said.Aud)
	require.LessOrEqual(t, said.Exp-said.Iat, int64(wire.MaxTokenLife/time.Second))
	require.InDelta(t, time.Now().Unix(), said.Iat, 5)
}

func TestAWrongClockIsCorrectedOnceAndKept(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"slow by three hours": 3 * time.Hour, "fast by a year": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			var pub ed25519.PublicKey
			h := func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				now := time.Now().Add(ahead)
				said, err := claims(r, pub)
				if err != nil || said.Iat < now.Add(-time.Minute).Unix() || said.Iat > now.Add(time.Minute).Unix() {
					problem(w, http.StatusUnauthorized, wire.Problem{Code: crontopus.CodeClockSkew, Detail: "your clock is off", Time: &now})
				}
			}
			var c *client.Client
			c, pub = asAgent(t, h)
			require.NoError(t, c.Report(t.Context(), crontopus.AgentReport{}))
			require.EqualValues(t, 2, asked.Load(), "asked, corrected, asked again")
			require.NoError(t, c.Report(t.Context(), crontopus.AgentReport{}))
			require.EqualValues(t, 3, asked.Load(), "the correction is kept")
			require.WithinDuration(t, time.Now().Add(ahead), c.Now(), 5*time.Second)
		})
	}
}

func TestAClockThatStaysWrongIsReportedNotTriedForEver(t *testing.T) {
	var asked atomic.Int64
	c, _ := asAgent(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		now := time.Now()
		problem(w, http.StatusUnauthorized, wire.Problem{Code: crontopus.CodeClockSkew, Detail: "your clock is off", Time: &now})
	})
	err := c.Report(t.Context(), crontopus.AgentReport{})
	require.Equal(t, crontopus.CodeClockSkew, crontopus.ErrorCode(err))
	require.EqualValues(t, 2, asked.Load())
}

func TestEnrollingSignsTheBodyWithTheKeyThatItNames(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	type request struct {
		*http.Request
		body []byte
	}
	var asked []request
	ahead := 2 * time.Hour
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, request{r, body})
		if now := time.Now().Add(ahead); len(asked) == 1 {
			problem(w, http.StatusUnauthorized, wire.Problem{Code: crontopus.CodeClockSkew, Detail: "your clock is off", Time: &now})
			return
		}
		_, _ = w.Write([]byte(`{"agentId":"agent-1","name":"db-01"}`))
	}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL)
	require.NoError(t, err)
	out, err := c.Enroll(t.Context(), key, wire.Enroll{Token: "cte_x"})
	require.NoError(t, err)
	require.Equal(t, "agent-1", out.AgentID)
	require.Len(t, asked, 2, "once with our clock, once with the server's")
	for i, r := range asked {
		var in wire.Enroll
		require.NoError(t, json.Unmarshal(r.body, &in))
		require.Equal(t, []byte(pub), in.PublicKey)
		require.Equal(t, "cte_x", in.Token)
		require.NotNil(t, in.Facts)
		require.WithinDuration(t, time.Now().Add(time.Duration(i)*ahead), in.At, 5*time.Second)
		signature, err := base64.StdEncoding.DecodeString(r.Header.Get(wire.HeaderSignature))
		require.NoError(t, err)
		require.True(t, ed25519.Verify(in.PublicKey, r.body, signature))
		require.Equal(t, "POST /api/v1/agent/enroll", r.Method+" "+r.URL.Path)
		require.Empty(t, r.Header.Get("Authorization"), "who enrolls has no identity yet")
	}
}

func TestPollsForABundle(t *testing.T) {
	drained := time.Date(2026, 11, 23, 2, 30, 0, 5000, time.FixedZone("", 3600))
	for _, c := range []struct {
		name      string
		etag      string
		wait      time.Duration
		drained   time.Time
		answer    http.HandlerFunc
		wantQuery string
		want      string
		newETag   string
		changed   bool
	}{
		{"the first one", "", 0, time.Time{}, bundle(`"1.4"`, "envelope"), "", "envelope", `"1.4"`, true},
		{"another one, waited for", `"1.3"`, 50 * time.Second, drained, bundle(`"1.4"`, "envelope"), "wait=50s", "envelope", `"1.4"`, true},
		{"nothing new", `"1.4"`, 50 * time.Second, drained, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
			"wait=50s", "", `"1.4"`, false},
		{"nothing published yet", "", time.Second, time.Time{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
			"wait=1s", "", "", false},
		{"longer than a poll may wait", "", time.Hour, time.Time{}, bundle(`"1.1"`, "e"), "wait=1m", "e", `"1.1"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen *http.Request
			api, _ := asAgent(t, func(w http.ResponseWriter, r *http.Request) {
				seen = r
				c.answer(w, r)
			})
			raw, etag, changed, err := api.Bundle(t.Context(), c.etag, c.wait, c.drained)
			require.NoError(t, err)
			require.Equal(t, c.want, string(raw))
			require.Equal(t, c.newETag, etag)
			require.Equal(t, c.changed, changed)
			require.Equal(t, "/api/v1/agent/bundle", seen.URL.Path)
			require.Equal(t, c.wantQuery, seen.URL.RawQuery)
			require.Equal(t, c.etag, seen.Header.Get("If-None-Match"))
			if c.drained.IsZero() {
				require.Empty(t, seen.Header.Get(wire.HeaderSpoolDrained))
			} else {
				require.Equal(t, "2026-11-23T01:30:00.000005Z", seen.Header.Get(wire.HeaderSpoolDrained))
			}
		})
	}
}

func TestAPollIsNotTriedAgainByItself(t *testing.T) {
	var asked atomic.Int64
	c, _ := asAgent(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, etag, changed, err := c.Bundle(t.Context(), `"1.4"`, 0, time.Time{})
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.Equal(t, `"1.4"`, etag, "what is known stays known")
	require.False(t, changed)
	require.EqualValues(t, 1, asked.Load(), "the daemon has a backoff of its own")
}

func TestEveryCheckInGetsItsResult(t *testing.T) {
	checkIns := []crontopus.CheckIn{{RunID: "a"}, {RunID: "b"}}
	for name, c := range map[string]struct {
		answer string
		want   []wire.CheckInResult
		says   string
	}{
		"one recorded, one not": {`{"results":[{"runId":"a","status":200},{"runId":"b","status":404,"code":"not_found","message":"no such job"}]}`,
			[]wire.CheckInResult{{RunID: "a", Status: 200}, {RunID: "b", Status: 404, Code: "not_found", Message: "no such job"}}, ""},
		"fewer results than check-ins": {`{"results":[{"runId":"a","status":200}]}`, nil, "answered 2 check-ins with 1 results"},
		"no results":                   {`{}`, nil, "answered 2 check-ins with 0 results"},
	} {
		t.Run(name, func(t *testing.T) {
			api, _ := asAgent(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.answer)) })
			got, err := api.CheckIns(t.Context(), checkIns)
			require.Equal(t, c.want, got)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.says)
				require.Equal(t, crontopus.CodeInternal, crontopus.ErrorCode(err))
			}
		})
	}
}

func TestNoServerIsToldToAgentsInWordsThatHoldForThem(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	c, err := client.New(address, client.WithAgent("a", "i", key))
	require.NoError(t, err)
	err = c.Report(t.Context(), crontopus.AgentReport{})
	require.ErrorContains(t, err, "no server is listening at "+address)
	require.Equal(t, "start it with `crontopus server`, or name another one with --server", crontopus.ErrorHint(err),
		"a flag that both programs have, and no variable of only one of them")
}

func TestProblemsBecomeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		p      wire.Problem
		agent  bool
		want   crontopus.Error
	}{
		"as the server says": {404, wire.Problem{Code: "not_found", Detail: "no job a/b", Hint: "crontopus jobs list"}, false,
			crontopus.Error{Code: "not_found", Message: "no job a/b", Hint: "crontopus jobs list"}},
		"without detail, its title": {409, wire.Problem{Code: "conflict", Title: "Conflict"}, false,
			crontopus.Error{Code: "conflict", Message: "Conflict"}},
		"a person without key is told how to get one": {401, wire.Problem{Code: "unauthorized", Detail: "who?"}, false,
			crontopus.Error{Code: "unauthorized", Message: "who?", Hint: "run `crontopus auth login`, or set CRONTOPUS_API_KEY"}},
		"an agent cannot log in": {401, wire.Problem{Code: "unauthorized", Detail: "who?"}, true,
			crontopus.Error{Code: "unauthorized", Message: "who?"}},
		"the server's own fault has its request's id": {500, wire.Problem{Code: "internal", Detail: "it broke", RequestID: "r-1"}, false,
			crontopus.Error{Code: "internal", Message: "it broke (request r-1)"}},
		"anybody else's fault has not": {403, wire.Problem{Code: "forbidden", Detail: "no", RequestID: "r-1"}, false,
			crontopus.Error{Code: "forbidden", Message: "no"}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(w http.ResponseWriter, _ *http.Request) { problem(w, c.status, c.p) }
			api := serve(t, answer)
			if c.agent {
				api, _ = asAgent(t, answer)
			}
			err := api.SyncSource(t.Context(), "ops")
			var got *crontopus.Error
			require.ErrorAs(t, err, &got)
			require.Equal(t, c.want, *got)
		})
	}
}

// What is not the server's says nothing of what the server would: no status of it is a refusal.
func TestNoStatusOfAProxyIsAVerdict(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", status) })
		err := c.SyncSource(t.Context(), "ops")
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err), status)
		require.ErrorContains(t, err, fmt.Sprint(status))
		require.NotEmpty(t, crontopus.ErrorHint(err), status)
	}
}

func TestNoAnswerSendsAKeyElsewhere(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/x", status) })
		_, err := c.Whoami(t.Context())
		require.ErrorContains(t, err, "sends us on to "+other.URL+"/x")
		require.Equal(t, "name the server by its own address; redirects are not followed", crontopus.ErrorHint(err))
		require.ErrorContains(t, c.SyncSource(t.Context(), "ops"), "sends us on")
	}
	require.Zero(t, elsewhere.Load())
}

func TestAnswersThatBreakOffAreErrors(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"items":[`))
	})
	_, err := c.Job(t.Context(), crontopus.JobName{Namespace: "a", Name: "b"})
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	require.ErrorContains(t, err, "no answer from the server at "+c.Server())
}

func TestAPageThatNamesItselfAsTheNextEndsTheList(t *testing.T) {
	var asked atomic.Int64
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(`{"items":[{"id":"1"}],"next":"same"}`))
	})
	count := 0
	for _, err := range client.All(t.Context(), c.Agents) {
		require.NoError(t, err)
		count++
	}
	require.Equal(t, 2, count)
	require.EqualValues(t, 2, asked.Load())
}

func TestAListThatBreaksOffSaysSoAfterWhatCame(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			_, _ = w.Write([]byte(`{"items":[{"id":"1"}],"next":"2"}`))
			return
		}
		problem(w, 410, wire.Problem{Code: crontopus.CodeInvalid, Detail: "this page is gone"})
	})
	var ids []string
	var failed error
	for agent, err := range client.All(t.Context(), c.Agents) {
		if err != nil {
			failed = err
			break
		}
		ids = append(ids, agent.ID)
	}
	require.Equal(t, []string{"1"}, ids)
	require.EqualError(t, failed, "this page is gone")
}

func bundle(etag, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", etag)
		_, _ = w.Write([]byte(content))
	}
}

func problem(w http.ResponseWriter, status int, p wire.Problem) {
	p.Status = status
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p)
}
