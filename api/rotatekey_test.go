package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func TestAnAgentsNextKeyHasToSignForItself(t *testing.T) {
	s := newServer(t)
	public, next, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		signer ed25519.PrivateKey
		at     time.Time
		status int
		code   string
	}{
		{"by another key", other, time.Now(), http.StatusForbidden, crontopus.CodeForbidden},
		{"long ago", next, time.Now().Add(-time.Hour), http.StatusUnauthorized, crontopus.CodeClockSkew},
		{"by itself", next, time.Now(), http.StatusNoContent, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, err := json.Marshal(wire.RotateKey{PublicKey: public, At: c.at})
			require.NoError(t, err)
			r := s.send(http.MethodPost, "/api/v1/agent/rotate-key", string(body), "Authorization: Bearer "+s.agentToken(time.Now(), nil),
				wire.HeaderSignature+": "+base64.StdEncoding.EncodeToString(ed25519.Sign(c.signer, body)))
			require.Equal(t, c.status, r.status, string(r.body))
			if c.code != "" {
				require.Equal(t, c.code, r.problem(t).Code)
			}
		})
	}
}
