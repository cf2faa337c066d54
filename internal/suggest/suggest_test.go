package suggest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/suggest"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, word, want string }{
		{"one letter missing", "timezne", "timezone"},
		{"one letter too many", "schedulee", "schedule"},
		{"neighbours swapped", "shcedule", "schedule"},
		{"two letters wrong in a long word", "scnedvle", "schedule"},
		{"three letters wrong", "scnedvla", ""},
		{"another word", "banana", ""},
		{"a short word allows one edit only", "rum", "run"},
		{"two edits of a short word", "ram", ""},
		{"letters beyond ASCII count as one", "schédule", "schedule"},
		{"exactly right", "run", "run"},
		{"nothing typed", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, suggest.Nearest(c.word, []string{"schedule", "timezone", "run", "target"}))
		})
	}
}

func TestNearestPrefersTheFirstOfEquals(t *testing.T) {
	t.Parallel()
	require.Equal(t, "cat", suggest.Nearest("bat", []string{"cat", "hat"}))
	require.Empty(t, suggest.Nearest("bat", nil))
}
