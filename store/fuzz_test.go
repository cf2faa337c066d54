package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// A cursor comes from the caller: any text is a place in the list, or refused.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "e30", "bnVsbA", "W10", "eyJhdCI6MX0", "%", "\x00"} {
		f.Add(seed)
	}
	s := openAt(f, filepath.Join(f.TempDir(), "crontopus.db"))
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	f.Fuzz(func(t *testing.T, after string) {
		_, _, err := s.Jobs(t.Context(), crontopus.DefaultTenant, crontopus.Page{After: after})
		if err != nil {
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), "%v", err)
		}
	})
}
