package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The second time is for those who came while it gave back for the first.
func TestMemoryIsGivenBackTwiceAfterEachBurstOfAgents(t *testing.T) {
	given := 0
	b := newBoard()
	tidy := &tidy{board: b, give: func() { given++ }}
	for _, c := range []struct{ comes, given int }{
		{999, 0}, {1, 1}, {0, 2}, {500, 2}, {500, 3}, {0, 4}, {0, 4}, {-1500, 4}, {1400, 5}, {1000, 6}, {-900, 7}, {0, 7},
	} {
		b.count(c.comes)
		tidy.step()
		require.Equal(t, c.given, given, "%+v", c)
	}
}
