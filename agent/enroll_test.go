package agent_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/keyfile"
)

// office is a server that enrolls whoever comes, and remembers with which key.
type office struct {
	*httptest.Server
	answer wire.Enrolled
	asked  []wire.Enroll
	fail   bool
}

func newOffice(t *testing.T) *office {
	o := &office{answer: wire.Enrolled{
		AgentID: "agent-1", Tenant: "default", Name: "db-01", InstallationID: "inst",
		KeySet: []wire.Key{wireKey(seededKey(2)), wireKey(seededKey(1))}, RecoveryKey: wireKey(seededKey(3)),
	}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in wire.Enroll
		sig, _ := base64.StdEncoding.DecodeString(r.Header.Get(wire.HeaderSignature))
		if json.Unmarshal(body, &in) != nil || !ed25519.Verify(in.PublicKey, body, sig) || o.fail {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusGone)
			_ = json.NewEncoder(w).Encode(wire.Problem{Status: http.StatusGone, Code: crontopus.CodeGone, Detail: "the token has no uses left"})
			return
		}
		o.asked = append(o.asked, in)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(o.answer)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *office) enrollment() agent.Enrollment {
	return agent.Enrollment{Server: o.URL, Token: "cte_secret." + wireKey(seededKey(1)).ID, Name: "db-01"}
}

func TestEnrollPinsTheKeyOfTheToken(t *testing.T) {
	o, state := newOffice(t), agent.State{Dir: t.TempDir() + "/state"}
	id, err := agent.Enroll(t.Context(), state, o.enrollment())
	require.NoError(t, err)
	require.Equal(t, "agent-1", id.AgentID)
	require.Equal(t, []wire.Key{wireKey(seededKey(1))}, id.KeySet, "the other key is nobody's word")

	require.Len(t, o.asked, 1)
	require.Equal(t, "cte_secret", o.asked[0].Token, "the fingerprint is for the host")
	require.Equal(t, "db-01", o.asked[0].Name)
	require.NotEmpty(t, o.asked[0].Facts["os"])

	kept, err := state.Identity()
	require.NoError(t, err)
	require.Equal(t, id, kept)
	key, err := keyfile.Load(state.KeyFile())
	require.NoError(t, err)
	require.Equal(t, []byte(key.Public().(ed25519.PublicKey)), o.asked[0].PublicKey)
	for _, file := range []string{state.KeyFile(), state.IdentityFile()} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestEnrollAfterAFailureUsesTheSameKey(t *testing.T) {
	o, state := newOffice(t), agent.State{Dir: t.TempDir()}
	o.fail = true
	_, err := agent.Enroll(t.Context(), state, o.enrollment())
	require.Equal(t, crontopus.CodeGone, crontopus.ErrorCode(err))
	key, err := keyfile.Load(state.KeyFile())
	require.NoError(t, err)
	_, err = state.Identity()
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))

	o.fail = false
	_, err = agent.Enroll(t.Context(), state, o.enrollment())
	require.NoError(t, err)
	require.Equal(t, []byte(key.Public().(ed25519.PublicKey)), o.asked[0].PublicKey)
}

func TestEnrollRefuses(t *testing.T) {
	fingerprint := wireKey(seededKey(1)).ID
	for name, c := range map[string]struct {
		change  func(o *office, e *agent.Enrollment, state agent.State)
		code    string
		message string
	}{
		"a server with another key": {func(o *office, _ *agent.Enrollment, _ agent.State) {
			o.answer.KeySet = []wire.Key{wireKey(seededKey(9))}
		}, crontopus.CodeForbidden, "somebody stands between"},
		"a key that claims the fingerprint": {func(o *office, _ *agent.Enrollment, _ agent.State) {
			k := wireKey(seededKey(9))
			k.ID = fingerprint
			o.answer.KeySet = []wire.Key{k}
		}, crontopus.CodeForbidden, "somebody stands between"},
		"no key at all":               {func(o *office, _ *agent.Enrollment, _ agent.State) { o.answer.KeySet = nil }, crontopus.CodeForbidden, "signing key"},
		"an answer without an agent":  {func(o *office, _ *agent.Enrollment, _ agent.State) { o.answer.AgentID = "" }, crontopus.CodeInternal, "names no agent"},
		"a token without fingerprint": {func(_ *office, e *agent.Enrollment, _ agent.State) { e.Token = "cte_secret" }, crontopus.CodeInvalid, "not whole"},
		"half a fingerprint":          {func(_ *office, e *agent.Enrollment, _ agent.State) { e.Token = e.Token[:40] }, crontopus.CodeInvalid, "not whole"},
		"another kind of token": {func(_ *office, e *agent.Enrollment, _ agent.State) {
			e.Token = strings.Replace(e.Token, "cte_", "ctk_", 1)
		}, crontopus.CodeInvalid, "not whole"},
		"plain http over a network": {func(_ *office, e *agent.Enrollment, _ agent.State) { e.Server = "http://cron.example.com" }, crontopus.CodeInvalid, "plain http"},
		"no address":                {func(_ *office, e *agent.Enrollment, _ agent.State) { e.Server = "cron.example.com" }, crontopus.CodeInvalid, "not the address"},
		"nobody there":              {func(_ *office, e *agent.Enrollment, _ agent.State) { e.Server = "http://127.0.0.1:1" }, crontopus.CodeUnavailable, "127.0.0.1:1"},
		"a host that is enrolled": {func(o *office, e *agent.Enrollment, state agent.State) {
			_, err := agent.Enroll(t.Context(), state, *e)
			require.NoError(t, err)
		}, crontopus.CodeConflict, "already enrolled as db-01"},
		"a folder that another agent uses": {func(_ *office, _ *agent.Enrollment, state agent.State) {
			lock, err := state.Lock()
			require.NoError(t, err)
			t.Cleanup(func() { _ = lock.Close() })
		}, crontopus.CodeConflict, "another crontopus-agent"},
		"a folder that is a file": {func(_ *office, _ *agent.Enrollment, state agent.State) {
			require.NoError(t, os.Remove(state.Dir))
			require.NoError(t, os.WriteFile(state.Dir, nil, 0o600))
		}, crontopus.CodeInvalid, "state folder"},
	} {
		t.Run(name, func(t *testing.T) {
			o, state := newOffice(t), agent.State{Dir: t.TempDir()}
			e := o.enrollment()
			c.change(o, &e, state)
			_, err := agent.Enroll(t.Context(), state, e)
			require.ErrorContains(t, err, c.message)
			require.Equal(t, c.code, crontopus.ErrorCode(err))
		})
	}
}
