package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryIsGivenBackAfterEachBurstOfAgents(t *testing.T) {
	given := 0
	b := newBoard()
	tidy := &tidy{board: b, give: func() { given++ }}
	for _, c := range []struct{ comes, given int }{
		{999, 0}, {1, 1}, {500, 1}, {500, 2}, {0, 2}, {-1500, 2}, {1400, 3},
	} {
		b.count(c.comes)
		tidy.step()
		require.Equal(t, c.given, given, "%+v", c)
	}
}
