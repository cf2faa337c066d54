package client

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATokenServesForAMinuteUnlessTheKeyOrTheClockChanges(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, next, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	a := newAgentIdentity("agent", "installation", key)
	now := time.Now()
	first := a.token(now)
	require.Equal(t, first, a.token(now.Add(59*time.Second)))
	second := a.token(now.Add(time.Minute))
	require.NotEqual(t, first, second)
	third := a.token(now.Add(-time.Hour))
	require.NotEqual(t, second, third, "the clock turned out to be ahead")
	a.key.Store(&next)
	require.NotEqual(t, third, a.token(now.Add(-time.Hour)))
}
