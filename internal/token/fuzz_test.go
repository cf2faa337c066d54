package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/token"
)

// What passes as a token is one character for character: no other spelling of it does.
func FuzzCheck(f *testing.F) {
	f.Add(token.New(token.APIKey))
	f.Add("ctk_" + strings.Repeat("0", 49))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if !token.Check(s, token.APIKey) {
			return
		}
		require.Len(t, s, 53)
		require.False(t, token.Check(strings.ToUpper(s), token.APIKey))
		require.False(t, token.Check(s+" ", token.APIKey))
		require.False(t, token.Check(s[:52], token.APIKey))
	})
}
