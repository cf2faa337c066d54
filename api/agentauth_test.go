package api_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// agentToken signs a token as the agent does at a time; claims replace or, where nil, drop.
func (s *server) agentToken(at time.Time, claims map[string]any) string {
	return signToken(s.agentKey, `{"alg":"EdDSA","typ":"JWT"}`, at, claims)
}

func unsignedToken(header string, at time.Time, claims map[string]any) string {
	all := map[string]any{"iss": agentID, "sub": agentID, "aud": installationID, "iat": at.Unix(), "exp": at.Add(4 * time.Minute).Unix()}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	raw, _ := json.Marshal(all)
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(raw)
}

func signToken(key ed25519.PrivateKey, header string, at time.Time, claims map[string]any) string {
	unsigned := unsignedToken(header, at, claims)
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(unsigned)))
}

func TestAgentTokens(t *testing.T) {
	s := newServer(t)
	now := time.Now()
	_, stranger, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	none := unsignedToken(`{"alg":"none"}`, now, nil) + "."
	hs := unsignedToken(`{"alg":"HS256"}`, now, nil)
	mac := hmac.New(sha256.New, s.agentKey.Public().(ed25519.PublicKey))
	mac.Write([]byte(hs))
	hs += "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))

	for name, tc := range map[string]struct {
		token  string
		status int
		code   string
	}{
		"good":                        {s.agentToken(now, nil), 204, ""},
		"clock 25 s behind":           {s.agentToken(now.Add(-4*time.Minute-25*time.Second), nil), 204, ""},
		"clock 25 s ahead":            {s.agentToken(now.Add(25*time.Second), nil), 204, ""},
		"clock an hour behind":        {s.agentToken(now.Add(-time.Hour), nil), 401, crontopus.CodeClockSkew},
		"clock an hour ahead":         {s.agentToken(now.Add(time.Hour), nil), 401, crontopus.CodeClockSkew},
		"clock wrong, key wrong":      {signToken(stranger, `{"alg":"EdDSA"}`, now.Add(time.Hour), nil), 401, crontopus.CodeUnauthorized},
		"not before later":            {s.agentToken(now, map[string]any{"nbf": now.Add(time.Hour).Unix()}), 401, crontopus.CodeClockSkew},
		"key of a stranger":           {signToken(stranger, `{"alg":"EdDSA"}`, now, nil), 401, crontopus.CodeUnauthorized},
		"unknown agent":               {s.agentToken(now, map[string]any{"sub": "nobody", "iss": "nobody"}), 401, crontopus.CodeUnauthorized},
		"no agent":                    {s.agentToken(now, map[string]any{"sub": nil}), 401, crontopus.CodeUnauthorized},
		"issuer is another":           {s.agentToken(now, map[string]any{"iss": "other"}), 401, crontopus.CodeUnauthorized},
		"audience is another server":  {s.agentToken(now, map[string]any{"aud": "other"}), 401, crontopus.CodeUnauthorized},
		"audience among others":       {s.agentToken(now, map[string]any{"aud": []string{installationID, "other"}}), 401, crontopus.CodeUnauthorized},
		"no audience":                 {s.agentToken(now, map[string]any{"aud": nil}), 401, crontopus.CodeUnauthorized},
		"good for an hour":            {s.agentToken(now, map[string]any{"exp": now.Add(time.Hour).Unix()}), 401, crontopus.CodeUnauthorized},
		"good for ever":               {s.agentToken(now, map[string]any{"exp": nil}), 401, crontopus.CodeUnauthorized},
		"made at no time":             {s.agentToken(now, map[string]any{"iat": nil}), 401, crontopus.CodeUnauthorized},
		"ends before it begins":       {s.agentToken(now, map[string]any{"exp": now.Add(-time.Second).Unix()}), 401, crontopus.CodeUnauthorized},
		"unsigned":                    {none, 401, crontopus.CodeUnauthorized},
		"HMAC with the public key":    {hs, 401, crontopus.CodeUnauthorized},
		"signature cut off":           {s.agentToken(now, nil)[:150], 401, crontopus.CodeUnauthorized},
		"times that are not numbers":  {s.agentToken(now, map[string]any{"iat": "now"}), 401, crontopus.CodeUnauthorized},
		"times beyond every calendar": {s.agentToken(now, map[string]any{"iat": 1e300, "exp": 1e300}), 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.send(http.MethodGet, "/api/v1/agent/bundle", "", "Authorization: Bearer "+tc.token)
			require.Equal(t, tc.status, r.status, "%s", r.body)
			if tc.code == "" {
				return
			}
			p := r.problem(t)
			require.Equal(t, tc.code, p.Code)
			if tc.code == crontopus.CodeClockSkew {
				require.WithinDuration(t, time.Now(), *p.Time, time.Minute)
			} else {
				require.Nil(t, p.Time)
			}
		})
	}
}

func TestAgentWithAWrongClockCorrectsItself(t *testing.T) {
	s := newServer(t)
	s.now = func() time.Time { return time.Now().Add(-3 * time.Hour) }
	c := s.asAgent()
	_, _, changed, err := c.Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err)
	require.False(t, changed)
	require.WithinDuration(t, s.now(), c.Now(), time.Minute)
}

func TestRevokedAgentIsRefusedAtOnce(t *testing.T) {
	s := newServer(t)
	_, _, _, err := s.asAgent().Bundle(t.Context(), "", 0, time.Time{})
	require.NoError(t, err) // it is remembered now
	revoked, err := s.as(crontopus.RoleOperator).RevokeAgent(t.Context(), "db-01")
	require.NoError(t, err)
	require.NotNil(t, revoked.RevokedAt)
	_, _, _, err = s.asAgent().Bundle(t.Context(), "", 0, time.Time{})
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(err))
	require.ErrorContains(t, err, "revoked")
}
