package api_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/api/wire"
)

// publish gives the agent a bundle, as the publisher does.
func (s *server) publish(number int64, envelope string) {
	s.store.change(func() {
		s.store.pubs[agentID] = crontopus.Publication{Tenant: crontopus.DefaultTenant, AgentID: agentID,
			Generation: crontopus.Generation{Epoch: 1, Number: number}, Envelope: []byte(envelope)}
	})
	s.api.Published(crontopus.DefaultTenant, []string{agentID})
}

func (s *server) lookups() (n int) {
	s.store.change(func() { n = s.store.lookups })
	return n
}

func TestBundleIsPulledOnceAndThenOnlyWhenItChanges(t *testing.T) {
	s := newServer(t)
	c := s.asAgent()
	_, tag, changed, err := c.Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	require.False(t, changed, "there is none yet")
	require.Empty(t, tag)

	s.publish(1, `{"payload":"one"}`)
	raw, tag, changed, err := c.Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, `{"payload":"one"}`, string(raw))
	require.Regexp(t, `^"1\.1-[0-9a-f]{16}"$`, tag)

	before := s.lookups()
	for range 10 {
		_, same, changed, err := c.Bundle(t.Context(), tag, 0, time.Time{})
		require.NoError(t, err)
		require.False(t, changed)
		require.Equal(t, tag, same)
	}
	require.Equal(t, before, s.lookups(), "an unchanged poll asks the store nothing")

	s.publish(1, `{"payload":"one, signed again"}`)
	_, renewed, changed, err := c.Bundle(t.Context(), tag, 0, time.Time{})
	require.NoError(t, err)
	require.True(t, changed)
	require.NotEqual(t, tag, renewed)
}

func TestAPollTellsWhichKeySetIsTheNewest(t *testing.T) {
	s := newServer(t)
	c := s.asAgent()
	require.Zero(t, c.KeySetVersion())
	for _, publish := range []func(){func() {}, func() { s.publish(1, "{}") }} { // 204, then 200
		publish()
		_, tag, _, err := c.Bundle(t.Context(), "", 0, time.Time{})
		require.NoError(t, err)
		require.Equal(t, crontopus.KeySetVersion{Sequence: 3}, c.KeySetVersion())
		_, _, _, err = c.Bundle(t.Context(), tag, 0, time.Time{})
		require.NoError(t, err)
	}
	r := s.send(http.MethodGet, "/api/v1/agent/bundle", "", "Authorization: Bearer "+s.agentToken(time.Now(), nil))
	r = s.send(http.MethodGet, "/api/v1/agent/bundle", "", "Authorization: Bearer "+s.agentToken(time.Now(), nil), "If-None-Match: "+r.header.Get("ETag"))
	require.Equal(t, 304, r.status)
	require.Equal(t, "0.3", r.header.Get(wire.HeaderKeySet))
	// Who has heard of another one does not wait; who repeats what was told does.
	r = s.send(http.MethodGet, "/api/v1/agent/bundle?wait=60s", "", "Authorization: Bearer "+s.agentToken(time.Now(), nil),
		"If-None-Match: "+r.header.Get("ETag"), wire.HeaderKeySet+": 0.2")
	require.Equal(t, 304, r.status)
	statements, err := c.KeyStatements(t.Context())
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("first"), []byte("second")}, statements)
}

// A server that was restored from a backup begins a new epoch; what the backup had
// published is of the one before.
func TestBundleOfAnEpochBeforeIsNotHandedOut(t *testing.T) {
	s := newServer(t)
	s.store.change(func() {
		s.store.pubs[agentID] = crontopus.Publication{Tenant: crontopus.DefaultTenant, AgentID: agentID,
			Generation: crontopus.Generation{Epoch: 0, Number: 5}, Envelope: []byte(`{"payload":"from the backup"}`)}
	})
	c := s.asAgent()
	for _, have := range []string{"", `"0.9-0123456789abcdef"`} {
		_, _, changed, err := c.Bundle(t.Context(), have, 0, time.Time{})
		require.NoError(t, err)
		require.False(t, changed)
	}
	s.publish(1, `{"payload":"compiled anew"}`)
	raw, _, changed, err := c.Bundle(t.Context(), `"0.9-0123456789abcdef"`, 0, time.Time{})
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, `{"payload":"compiled anew"}`, string(raw))
}

func TestBundleHeaders(t *testing.T) {
	s := newServer(t)
	s.publish(7, "{}")
	auth := "Authorization: Bearer " + s.agentToken(time.Now(), nil)
	r := s.send(http.MethodGet, "/api/v1/agent/bundle", "", auth)
	require.Equal(t, 200, r.status)
	require.Equal(t, wire.ContentTypeEnvelope, r.header.Get("Content-Type"))
	require.Equal(t, "{}", string(r.body))
	tag := r.header.Get("ETag")
	for _, header := range []string{tag, "W/" + tag} {
		r = s.send(http.MethodGet, "/api/v1/agent/bundle?wait=10ms", "", auth, "If-None-Match: "+header)
		require.Equal(t, 304, r.status)
		require.Equal(t, tag, r.header.Get("ETag"))
		require.Empty(t, r.body)
	}
	for _, wait := range []string{"soon", "-1s", "1e9"} {
		r = s.send(http.MethodGet, "/api/v1/agent/bundle?wait="+wait, "", auth)
		require.Equal(t, 400, r.status)
		require.Equal(t, crontopus.CodeInvalid, r.problem(t).Code)
	}
}

// poll waits for a bundle in the background. The poll is known to wait once its agent's
// tag has been looked up.
func (s *server) poll(tag string) <-chan pollResult {
	done := make(chan pollResult, 1)
	go func() {
		start := time.Now()
		raw, tag, changed, err := s.asAgent().Bundle(s.t.Context(), tag, time.Minute, time.Time{})
		done <- pollResult{string(raw), tag, changed, err, time.Since(start)}
	}()
	require.Eventually(s.t, func() bool { return s.api.Waiting() == 1 }, 10*time.Second, time.Millisecond)
	return done
}

type pollResult struct {
	raw, tag string
	changed  bool
	err      error
	took     time.Duration
}

func TestWaitingPollEndsWithTheNewBundle(t *testing.T) {
	s := newServer(t)
	s.publish(1, "one")
	_, tag, _, err := s.asAgent().Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	poll := s.poll(tag)
	s.publish(2, "two")
	got := <-poll
	require.NoError(t, got.err)
	require.Equal(t, "two", got.raw)
}

func TestFirstBundleEndsThePollOfANewAgent(t *testing.T) {
	s := newServer(t)
	poll := s.poll("")
	s.publish(1, "one")
	got := <-poll
	require.NoError(t, got.err)
	require.Equal(t, "one", got.raw)
}

func TestPublishingTheSameBundleLeavesThePollWaiting(t *testing.T) {
	s := newServer(t)
	s.run()
	s.publish(1, "one")
	_, tag, _, err := s.asAgent().Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	poll := s.poll(tag)
	s.publish(1, "one")
	s.api.Drain(t.Context())
	got := <-poll
	require.NoError(t, got.err)
	require.False(t, got.changed)
	require.Equal(t, tag, got.tag)
}

func TestRevokingEndsAWaitingPoll(t *testing.T) {
	s := newServer(t)
	poll := s.poll("")
	_, err := s.as(crontopus.RoleOperator).RevokeAgent(t.Context(), agentID)
	require.NoError(t, err)
	got := <-poll
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(got.err))
	require.Less(t, got.took, 5*time.Second)
}

func TestDrainingEndsWaitingPollsAtOnce(t *testing.T) {
	s := newServer(t)
	s.run()
	poll := s.poll("")
	s.api.Drain(t.Context())
	got := <-poll
	require.NoError(t, got.err)
	require.False(t, got.changed)
	require.Equal(t, 503, s.send(http.MethodGet, "/readyz", "").status)
	require.Equal(t, 200, s.send(http.MethodGet, "/healthz", "").status)
	_, _, _, err := s.asAgent().Bundle(t.Context(), "", time.Minute, time.Time{})
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err), "no later poll is taken")
}

func TestHeartbeatsAreWrittenAtTheLatestWhenTheServerStops(t *testing.T) {
	s := newServer(t)
	stop := s.run()
	drained := time.Now().Add(-time.Minute).UTC()
	_, _, _, err := s.asAgent().Bundle(t.Context(), "", 0, drained)
	require.NoError(t, err)
	stop()
	beat := s.store.beats[agentID]
	require.WithinDuration(t, time.Now(), beat.At, time.Minute)
	require.True(t, drained.Equal(*beat.SpoolDrained))
}

// Cron starts runs while the agent's daemon is stopped: what they say is no sign of its life.
func TestACheckInIsNoHeartbeat(t *testing.T) {
	s := newServer(t)
	stop := s.run()
	_, err := s.asAgent().CheckIns(t.Context(), []crontopus.CheckIn{checkIn("start")})
	require.NoError(t, err)
	stop()
	require.NotContains(t, s.store.beats, agentID)
}

func TestSpoolTimesThatCannotBeAreNotBelieved(t *testing.T) {
	for name, said := range map[string]string{"no time": "yesterday", "in the future": time.Now().Add(time.Hour).Format(time.RFC3339)} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			stop := s.run()
			s.send(http.MethodGet, "/api/v1/agent/bundle", "", "Authorization: Bearer "+s.agentToken(time.Now(), nil), wire.HeaderSpoolDrained+": "+said)
			stop()
			require.Contains(t, s.store.beats, agentID)
			require.Nil(t, s.store.beats[agentID].SpoolDrained)
		})
	}
}

// Whoever waits must hear of other keys before a bundle comes that only they verify.
func TestAPollEndsWhenTheKeysAreOthers(t *testing.T) {
	s := newServer(t)
	c := s.asAgent()
	s.publish(1, `{"payload":"one"}`)
	_, tag, _, err := c.Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	require.Equal(t, crontopus.KeySetVersion{Sequence: 3}, c.KeySetVersion())
	ended := make(chan error, 1)
	go func() {
		_, _, changed, err := c.Bundle(t.Context(), tag, 50*time.Second, time.Time{})
		if changed {
			err = errors.New("the bundle is the same")
		}
		ended <- err
	}()
	for s.api.Waiting() == 0 {
		s.send(http.MethodGet, "/healthz", "")
	}
	set := crontopus.KeySet{Version: crontopus.KeySetVersion{Sequence: 4}, Keys: []wire.Key{s.signing}, RecoveryKey: s.signing}
	s.api.UseKeys(api.Keys{Set: set, Statements: [][]byte{[]byte("third")}})
	require.NoError(t, <-ended)
	require.Equal(t, set.Version, c.KeySetVersion())
	statements, err := c.KeyStatements(t.Context())
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("third")}, statements)
}
