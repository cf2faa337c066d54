package lint

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryFormOfASecretHasASign(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		"AKIAIOSFODNN7EXAMPLE", "ghp_" + strings.Repeat("a", 36), "glpat-" + strings.Repeat("a", 20), "xoxb-1234567890", "sk_live_" + strings.Repeat("a", 16),
		"AIza" + strings.Repeat("a", 35), "-----BEGIN RSA PRIVATE KEY-----", "ctk_" + strings.Repeat("a", 20), "https://a:hunter2@b.example",
	} {
		require.True(t, secretForm(secret), secret)
		require.True(t, looksSecret(secret), secret)
	}
	require.False(t, looksSecret("a_b://c"))
}
