package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

func (s *server) enrollmentToken(in wire.TokenInput) wire.TokenMade {
	made, err := s.as(crontopus.RoleOperator).CreateEnrollmentToken(s.t.Context(), in)
	require.NoError(s.t, err)
	return made
}

func TestHostEnrollsAndIsTheSameAgentWhenItAsksAgain(t *testing.T) {
	s := newServer(t)
	made := s.enrollmentToken(wire.TokenInput{Labels: map[string]string{"role": "db"}, Name: "db-02"})
	require.Equal(t, 1, made.Token.Uses)
	require.WithinDuration(t, time.Now().Add(time.Hour), made.Token.ExpiresAt, time.Minute)
	require.True(t, strings.HasSuffix(made.Printed, "."+s.signing.ID))
	require.Contains(t, made.Commands[0], made.Printed)
	require.Contains(t, made.Commands[0], "https://cron.example.com ")

	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	anybody, err := client.New(s.URL)
	require.NoError(t, err)
	secret, _, _ := strings.Cut(made.Printed, ".")
	for _, tok := range []string{secret, made.Printed, secret + ".of-a-key-before"} {
		got, err := anybody.Enroll(t.Context(), key, wire.Enroll{Token: tok})
		require.NoError(t, err)
		require.Equal(t, "db-02", got.Name)
		require.Equal(t, installationID, got.InstallationID)
		require.Equal(t, []wire.Key{s.signing}, got.KeySet)
		require.Equal(t, [][]byte{[]byte("first"), []byte("second")}, got.KeyStatements)
		agent, err := client.New(s.URL, client.WithAgent(got.AgentID, got.InstallationID, key))
		require.NoError(t, err)
		require.NoError(t, agent.Report(t.Context(), crontopus.AgentReport{At: time.Now()}))
		require.Contains(t, s.store.reports, got.AgentID)
	}
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, err = anybody.Enroll(t.Context(), other, wire.Enroll{Token: secret})
	require.Equal(t, crontopus.CodeGone, crontopus.ErrorCode(err))
}

func TestHostWithAWrongClockEnrolls(t *testing.T) {
	s := newServer(t)
	made := s.enrollmentToken(wire.TokenInput{Expires: crontopus.Duration(48 * time.Hour)})
	s.now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	anybody, err := client.New(s.URL)
	require.NoError(t, err)
	_, err = anybody.Enroll(t.Context(), s.agentKey, wire.Enroll{Token: made.Printed})
	require.NoError(t, err)
}

func TestEnrollmentsThatAreRefused(t *testing.T) {
	s := newServer(t)
	printed := s.enrollmentToken(wire.TokenInput{}).Printed
	secret, _, _ := strings.Cut(printed, ".")
	public := []byte(s.agentKey.Public().(ed25519.PublicKey))
	for name, tc := range map[string]struct {
		change func(*wire.Enroll)
		sign   func([]byte) string
		status int
		code   string
	}{
		"unsigned":             {nil, func([]byte) string { return "" }, 401, crontopus.CodeUnauthorized},
		"signature of another": {nil, func([]byte) string { return base64.StdEncoding.EncodeToString(make([]byte, 64)) }, 401, crontopus.CodeUnauthorized},
		"key too short":        {func(e *wire.Enroll) { e.PublicKey = public[:31] }, nil, 401, crontopus.CodeUnauthorized},
		"an hour ago":          {func(e *wire.Enroll) { e.At = e.At.Add(-time.Hour) }, nil, 401, crontopus.CodeClockSkew},
		"token cut off":        {func(e *wire.Enroll) { e.Token = secret[:20] }, nil, 401, crontopus.CodeUnauthorized},
		"token unknown":        {func(e *wire.Enroll) { e.Token = "cte_" + strings.Repeat("0", 49) }, nil, 401, crontopus.CodeUnauthorized},
		"other fingerprint":    {func(e *wire.Enroll) { e.Token = secret + ".00" }, nil, 401, crontopus.CodeUnauthorized},
		"name that is none":    {func(e *wire.Enroll) { e.Name = "Web 1" }, nil, 400, crontopus.CodeInvalid},
		"fact with a NUL":      {func(e *wire.Enroll) { e.Facts["os"] = "a\x00" }, nil, 400, crontopus.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			in := wire.Enroll{Token: printed, PublicKey: public, Facts: map[string]string{}, At: time.Now()}
			if tc.change != nil {
				tc.change(&in)
			}
			raw, err := json.Marshal(in)
			require.NoError(t, err)
			signature := base64.StdEncoding.EncodeToString(ed25519.Sign(s.agentKey, raw))
			if tc.sign != nil {
				signature = tc.sign(raw)
			}
			r := s.send(http.MethodPost, "/api/v1/agent/enroll", string(raw), wire.HeaderSignature+": "+signature)
			require.Equal(t, tc.status, r.status, "%s", r.body)
			p := r.problem(t)
			require.Equal(t, tc.code, p.Code)
			require.Equal(t, tc.code == crontopus.CodeClockSkew, p.Time != nil)
			require.NotContains(t, string(r.body), secret)
		})
	}
}

func TestAddressThatOnlyFailsMustWait(t *testing.T) {
	s := newServer(t)
	anybody, err := client.New(s.URL)
	require.NoError(t, err)
	made := s.enrollmentToken(wire.TokenInput{Uses: 100})
	for range 50 { // what succeeds is not counted
		_, err := anybody.Enroll(t.Context(), s.agentKey, wire.Enroll{Token: made.Printed})
		require.NoError(t, err)
	}
	codes := map[string]int{}
	for range 30 {
		_, err := anybody.Enroll(t.Context(), s.agentKey, wire.Enroll{Token: "cte_wrong"})
		codes[crontopus.ErrorCode(err)]++
	}
	require.GreaterOrEqual(t, codes[crontopus.CodeUnauthorized], 20)
	require.Positive(t, codes["rate_limited"])
}

func TestEnrollmentTokensThatAreRefused(t *testing.T) {
	s := newServer(t)
	for name, in := range map[string]wire.TokenInput{
		"label of the host's own":   {Labels: map[string]string{"fact/os": "linux"}},
		"label without a name":      {Labels: map[string]string{"": "x"}},
		"name and pattern":          {Name: "db-01", NamePattern: "db-*"},
		"more uses than hosts":      {Uses: 1 << 30},
		"for years":                 {Expires: crontopus.Duration(3 * 366 * 24 * time.Hour)},
		"pattern with a line break": {NamePattern: "a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.as(crontopus.RoleOperator).CreateEnrollmentToken(t.Context(), in)
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
		})
	}
}
